package lifecycle

import (
	"cmp"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// NoFallback, in place of a list of CAs, says that no other CA is tried,
// whatever the policy says.
const NoFallback = "none"

// defaultFallbackAfter is how many failures in a row have the next CA tried.
const defaultFallbackAfter = 3

// Moved is how the renewal came from one CA to the next.
type Moved struct {
	From   string    `json:"from"`
	To     string    `json:"to"`
	At     time.Time `json:"at"`
	Why    Reason    `json:"why"`
	Failed int       `json:"failed,omitempty"` // at From, in a row
	Cause  string    `json:"cause,omitempty"`  // of the last of them
}

// Word is a date that a CA named: nothing is ordered from it before.
type Word struct {
	CA        string    `json:"ca"`
	NotBefore time.Time `json:"notBefore"`
}

// CAs lists the CAs that may issue it, in the order in which they are tried.
func (s Spec) CAs() []string {
	out := []string{s.CA}
	if s.Supplied || !s.Managed {
		return out
	}
	more := s.FallbackCAs
	if len(more) == 0 {
		more = s.Policy.FallbackCAs
	}
	for _, ca := range more {
		if ca != NoFallback && !slices.Contains(out, ca) {
			out = append(out, ca)
		}
	}
	return out
}

func (p Policy) fallbackAfter() int { return cmp.Or(p.FallbackAfter, defaultFallbackAfter) }

// MaxAttempts is the budget of one replacement. What another CA is tried after
// is not taken from the tries that it has itself: each further CA adds its own.
func (s Spec) MaxAttempts() int {
	return s.Policy.MaxAttempts + (len(s.CAs())-1)*s.Policy.fallbackAfter()
}

// ca is the CA whose turn it is.
func (s *State) ca() string {
	if m := s.Renewal.Moved; m != nil {
		return m.To
	}
	return s.Spec.CA
}

// notBefore is the date that a CA named.
func (s *State) notBefore(ca string) time.Time {
	if ca == s.Spec.CA {
		return s.Renewal.NotBefore
	}
	for _, w := range s.Renewal.Words {
		if w.CA == ca {
			return w.NotBefore
		}
	}
	return time.Time{}
}

// hear notes the date that a CA named; an earlier one changes nothing.
func (s *State) hear(ca string, at time.Time) {
	at = latest(at, s.notBefore(ca))
	switch {
	case at.IsZero():
	case ca == s.Spec.CA:
		s.Renewal.NotBefore = at
	default:
		s.Renewal.Words = slices.DeleteFunc(slices.Clone(s.Renewal.Words), func(w Word) bool { return w.CA == ca })
		s.Renewal.Words = append(s.Renewal.Words, Word{ca, at})
	}
}

// gate is the date before which nothing is asked of the CA whose turn it is,
// nor of the one whose order has to be settled first.
func (s *State) gate(ca string) time.Time {
	at := s.notBefore(ca)
	if n := len(s.Renewal.Attempts); n > 0 {
		if last := s.Renewal.Attempts[n-1]; last.Outcome == Unsettled {
			at = latest(at, s.notBefore(last.CA))
		}
	}
	return at
}

// failedInRow is how often a CA failed in a row in a way that another one need not,
// up to now. A run that ended without a word, or for want of our store, says nothing about it.
func (s *State) failedInRow(ca string) (n int, last Attempt) {
	for _, a := range slices.Backward(s.Renewal.Attempts) {
		switch {
		case cmp.Or(a.CA, s.Spec.CA) != ca:
			return n, last
		case a.Outcome.mute():
		case !a.Elsewhere:
			return n, last
		default:
			if n == 0 {
				last = a
			}
			n++
		}
	}
	return n, last
}

// turn says which CA a renewal asks, and how that came if it is another one
// than before; at is when that one is due.
func (v *view) turn() (ca string, moved *Moved, at time.Time) {
	s, here := v.s, v.s.ca()
	n, last := s.failedInRow(here)
	m := Moved{From: here, At: v.now, Failed: n, Cause: last.Cause}
	at = last.At
	if w := s.Renewal.Awaits; w != nil && !w.Outage && w.CA == here && w.Since.After(at) {
		at, m.Cause = w.Since, w.Why // there is no room for it
	}
	retry := latest(s.Renewal.RetryAt, s.gate(here))
	switch {
	case at.IsZero():
		return here, nil, time.Time{}
	case n >= s.Spec.Policy.fallbackAfter():
		m.Why = NextCAAfterFailures
	case retry.After(v.safeBy()):
		m.Why = NextCAToBeSafe
	default:
		return here, nil, time.Time{}
	}
	all := s.Spec.CAs()
	for i := 1; i < len(all); i++ {
		next := all[(slices.Index(all, here)+i)%len(all)]
		if s.notBefore(next).After(latest(retry, v.now)) {
			continue // it named a later date itself
		}
		if slices.Contains(s.Renewal.Tried, next) { // in turns, at the usual pace
			at = retry
		}
		m.To = next
		return next, &m, latest(at, s.notBefore(next))
	}
	return here, nil, time.Time{}
}

// move has another CA tried. What is about the one before counts no more.
func (s *State) move(m Moved) {
	s.Renewal.Moved, s.Renewal.RetryAt = &m, time.Time{}
	s.Renewal.Awaits = nil
	if !slices.Contains(s.Renewal.Tried, m.From) {
		s.Renewal.Tried = append(slices.Clip(s.Renewal.Tried), m.From)
	}
	if s.open(alert.CAUnavailable) == nil { // nobody was told that the other one is down
		s.Renewal.DownSince = time.Time{}
	}
	for i := range s.Alerts {
		a := &s.Alerts[i]
		if about := a.Reason == alert.CAUnavailable || slices.Contains(ofRenewal, a.Reason); a.Open() && about && a.Edit == "" {
			a.Edit = a.phase()
		}
	}
}
