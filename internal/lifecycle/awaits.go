package lifecycle

import "time"

// safeBy is when the replacement has to be there to be calm; what was never
// issued is wanted within a day.
func (v *view) safeBy() time.Time {
	if v.known() {
		return v.plan.LastSafe
	}
	return v.s.EnrolledAt.Add(firstAttempts)
}

// wait has the renewal wait for the CA's account. The first word keeps its date.
func (s *State) wait(now time.Time, a Awaits) {
	a.Since = now
	if old := s.Renewal.Awaits; old != nil && old.CA == a.CA && old.Outage == a.Outage {
		a.Since = old.Since
	}
	a.Why = clip(a.Why)
	s.Renewal.Awaits = &a
}

// Ready takes in the account's word that the CA may be asked from an instant
// on; false if nothing waits for it.
func (s *State) Ready(now time.Time, ca string, at time.Time) bool {
	a := s.Renewal.Awaits
	if a == nil || a.CA != ca {
		return false
	}
	word := *a
	word.Until = latest(now, at)
	s.Renewal.Awaits, s.Renewal.RetryAt = &word, word.Until
	return true
}

// stranded reports whether the renewal waits for the end of an outage that
// people are told of once, about the CA.
func (v *view) stranded() bool { return v.s.Renewal.Awaits != nil && v.s.Renewal.Awaits.Outage }

// ownWordAt is when the people of a stranded certificate are told of the outage
// themselves; zero if it is not stranded.
func (v *view) ownWordAt() time.Time {
	if !v.stranded() {
		return time.Time{}
	}
	return latest(v.s.Renewal.Awaits.Since, v.safeBy())
}

// withoutWord is when a stranded renewal tries again by itself: seldom, for the
// account probes the CA, but not after the last safe moment.
func (s *State) withoutWord(now time.Time, pace time.Duration) time.Time {
	at := now.Add(6 * pace)
	if safe := look(now, s).safeBy(); now.Before(safe) && safe.Before(at) {
		at = latest(safe, now.Add(pace))
	}
	return at
}

// patience is how long a renewal that waits for room goes without a word from
// the account before it asks again.
const patience = 10 * time.Minute
