package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// shown is the version on which all places agree. Where only watched, places
// that do not answer have no say, and of several versions the one that ends
// first counts: it is the one that somebody has to replace.
func (s *State) shown() (cert.Version, bool) {
	var seen []cert.Version
	for _, o := range s.places() {
		switch {
		case o.Seen() && (s.Spec.Managed || s.wrong(o) == "" || !s.covered()):
			seen = append(seen, o.Version)
		case s.Spec.Managed:
			return cert.Version{}, false
		}
	}
	if len(seen) == 0 {
		return cert.Version{}, false
	}
	first := slices.MinFunc(seen, func(a, b cert.Version) int { return a.NotAfter.Compare(b.NotAfter) })
	differs := func(v cert.Version) bool { return v.Fingerprint != first.Fingerprint }
	return first, !s.Spec.Managed || !slices.ContainsFunc(seen, differs)
}

// covered reports whether Live is for the names that were asked for.
func (s *State) covered() bool {
	return s.Live.Fingerprint != "" && len(cert.Covers(s.Live.Names, s.Spec.Names)) == 0
}

// adoptable: what is watched is what is served, expired or not. What is managed
// moves only to what is better, or to what a run was about to put there.
func (s *State) adoptable(now time.Time, v cert.Version) bool {
	covers := len(cert.Covers(v.Names, s.Spec.Names)) == 0
	switch {
	case !s.Spec.Managed:
		return covers || !s.covered()
	case s.Live.Fingerprint == "":
		return covers
	case !covers || !v.ValidAt(now):
		return false
	case v.Fingerprint == s.Renewal.Candidate.Fingerprint:
		return true
	case s.flying(FlyRenewal, ""):
		return false
	case s.Held != nil && v.Fingerprint == s.Held.Fingerprint:
		return true
	}
	return v.NotAfter.After(s.Live.NotAfter) && (s.Stale || !(s.TellsDrift && s.calm(now)))
}

// adopt makes a version the live one and begins a new replacement. A hold is
// about the version that a human rolled back to.
func (s *State) adopt(now time.Time, v cert.Version) {
	if s.Live.Fingerprint != "" {
		s.Previous = s.Live
	}
	s.Live, s.LiveAt, s.Window = v, now, nil
	s.Renewal = Renewal{Renewed: s.Renewal.Renewed, NotBefore: s.Renewal.NotBefore, Words: s.Renewal.Words}
	s.Sight.AstraySince = time.Time{}
	if s.Approval != nil && s.Approval.For == ForRenewal {
		s.Approval = nil
	}
	if s.Held != nil && s.Held.Fingerprint != v.Fingerprint {
		s.Held = nil
	}
}

// installed notes what a target has.
func (s *State) installed(i Installed) {
	p := s.Place(i.Target)
	if p == nil {
		if slices.Contains(s.Spec.Targets, i.Target) {
			s.Installed = append(s.Installed, i)
		}
		return
	}
	if i.Behind != "" && i.Host == "" {
		i.Host = p.Host // it was not even asked where the target lives
	}
	switch {
	case i.Behind != "" && p.Behind != "":
		i.Since, i.Ends = p.Since, p.Ends
	case i.Behind == "" && p.Behind != "" && i.Fingerprint != s.Live.Fingerprint:
		return // it answers again, and still has an older version
	}
	*p = i
}
