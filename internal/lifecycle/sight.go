package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Observed lands a look at the world and draws what follows: a first version,
// one that was replaced by hand, a proof that came late. A look that could not
// be done is one that saw nothing. What was begun before Live moved is old news
// and is asked again.
func (s *State) Observed(now time.Time, seen []cert.Observation) {
	begun := now
	for _, f := range s.Flights {
		if f.Kind == FlyLook {
			begun = f.At
		}
	}
	s.Land(FlyLook, "")
	if begun.Before(s.LiveAt) {
		s.Sight.At = time.Time{}
		return
	}
	s.answering(now, seen)
	s.Sight.At, s.Sight.Observations = now, slices.Clone(seen)
	s.draw(now)
	s.Stale = s.Stale && !s.allSeen()
}

// answering has a target that is behind tried at once when it can be read back
// and could not be at the look before.
func (s *State) answering(now time.Time, seen []cert.Observation) {
	for _, o := range seen {
		p := s.Place(o.Target)
		if p == nil || p.Behind == "" || !o.Seen() || !p.RetryAt.After(now) {
			continue
		}
		if slices.ContainsFunc(s.Sight.Observations, func(was cert.Observation) bool { return was.Target == o.Target && !was.Seen() }) {
			p.RetryAt = now
		}
	}
}

// Scanned takes in what a scanner saw by itself at some of the places. It says
// nothing about the others, so it is not a look at the world.
func (s *State) Scanned(now time.Time, seen []cert.Observation) {
	s.elsewhere(seen)
	s.merge(seen)
	s.draw(now)
}

// keepElsewhere bounds the places that nobody named.
const keepElsewhere = 20

// elsewhere keeps what is seen at places that nobody named, as long as it is
// another version than Live.
func (s *State) elsewhere(seen []cert.Observation) {
	for _, o := range seen {
		if o.Place == "" || !o.Seen() {
			continue
		}
		s.Sight.Elsewhere = slices.DeleteFunc(slices.Clone(s.Sight.Elsewhere), func(old cert.Observation) bool { return old.Place == o.Place })
		if o.Version.Fingerprint != s.Live.Fingerprint && len(s.Sight.Elsewhere) < keepElsewhere {
			s.Sight.Elsewhere = append(s.Sight.Elsewhere, o)
		}
	}
}

// forgotten lists the places that nobody named and that have another version than
// Live. While a renewal is under way nobody can say that of any.
func (s *State) forgotten() []cert.Observation {
	if s.Live.Fingerprint == "" || s.flying(FlyRenewal, "") {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Sight.Elsewhere), func(o cert.Observation) bool { return o.Version.Fingerprint == s.Live.Fingerprint })
}

// drifting are all places that show another version than Live.
func (s *State) drifting() []cert.Observation { return slices.Concat(s.astray(), s.forgotten()) }

// merge puts observations in the place of older ones of the same places.
func (s *State) merge(seen []cert.Observation) {
	kept := slices.DeleteFunc(slices.Clone(s.Sight.Observations), func(old cert.Observation) bool {
		return slices.ContainsFunc(seen, func(o cert.Observation) bool { return samePlace(o, old) })
	})
	s.Sight.Observations = append(kept, slices.DeleteFunc(slices.Clone(seen), func(o cert.Observation) bool { return !s.place(o) })...)
}

func samePlace(a, b cert.Observation) bool {
	if a.Target != "" || b.Target != "" {
		return a.Target == b.Target
	}
	if a.Place != "" || b.Place != "" {
		return a.Place == b.Place
	}
	return a.Endpoint.String() == b.Endpoint.String()
}

// place reports whether an observation is of a place that counts.
func (s *State) place(o cert.Observation) bool {
	if o.Place != "" {
		return false
	}
	if o.Target != "" {
		return slices.Contains(s.Spec.Targets, o.Target)
	}
	return slices.ContainsFunc(s.Spec.Endpoints, func(e cert.Endpoint) bool { return e.String() == o.Endpoint.String() })
}

// draw draws conclusions from what is seen.
func (s *State) draw(now time.Time) {
	if s.allSeen() {
		s.Sight.SeenAt = now
	}
	for _, o := range s.Sight.Observations {
		if o.Target != "" && o.Seen() {
			s.installed(Installed{Target: o.Target, Host: o.Host, Fingerprint: o.Version.Fingerprint, At: now})
		}
	}
	if v, ok := s.shown(); ok && v.Fingerprint != s.Live.Fingerprint && s.adoptable(now, v) {
		s.adopt(now, v)
	}
	if look(now, s).serves() {
		s.Renewal.Unproven = ""
	}
	switch {
	case len(s.drifting()) == 0:
		s.Sight.AstraySince = time.Time{}
	case s.Sight.AstraySince.IsZero():
		s.Sight.AstraySince = now
	}
}

// allSeen reports whether every place showed a certificate for the names.
func (s *State) allSeen() bool {
	return len(s.Sight.Observations) > 0 && !slices.ContainsFunc(s.Sight.Observations, func(o cert.Observation) bool {
		return s.wrong(o) != "" && !s.explained(o)
	})
}

// wrong says why an observation does not show a certificate for the names; "" if it does.
func (s *State) wrong(o cert.Observation) string {
	if !o.Seen() {
		if o.Err == "" {
			return "nothing is there"
		}
		return o.Err
	}
	if missing := cert.Covers(o.Version.Names, s.Spec.Names); len(missing) > 0 {
		return "serves a certificate that does not cover " + missing[0]
	}
	return ""
}

// astray lists the places of a managed certificate that show another version
// than Live although nothing is under way and no target is known to be behind.
func (s *State) astray() []cert.Observation {
	if !s.Spec.Managed || s.Live.Fingerprint == "" || s.flying(FlyRenewal, "") {
		return nil
	}
	var out []cert.Observation
	for _, o := range s.Sight.Observations {
		if o.Seen() && o.Version.Fingerprint != s.Live.Fingerprint && !s.explained(o) {
			out = append(out, o)
		}
	}
	return out
}

// explained reports whether what is wrong at a place may be that a target is
// behind, which people are told by itself.
func (s *State) explained(o cert.Observation) bool {
	target := o.Target
	if target == "" {
		target = o.Endpoint.Target
	}
	return slices.ContainsFunc(s.Installed, func(i Installed) bool {
		return i.Behind != "" && (target == "" || i.Target == target)
	})
}

// places are the observations that prove: the endpoints, or the targets read
// back where there is no endpoint.
func (s *State) places() []cert.Observation {
	var wire, read []cert.Observation
	for _, o := range s.Sight.Observations {
		if o.Target == "" {
			wire = append(wire, o)
		} else {
			read = append(read, o)
		}
	}
	if len(s.Spec.Endpoints) > 0 {
		return wire
	}
	return read
}

// complete reports whether no place was left out.
func (s *State) complete(seen []cert.Observation) bool {
	for _, e := range s.Spec.Endpoints {
		if !slices.ContainsFunc(seen, func(o cert.Observation) bool { return samePlace(o, cert.Observation{Endpoint: e}) }) {
			return false
		}
	}
	for _, t := range s.Spec.Targets {
		if !slices.ContainsFunc(seen, func(o cert.Observation) bool { return o.Target == t }) {
			return false
		}
	}
	return len(seen) > 0
}
