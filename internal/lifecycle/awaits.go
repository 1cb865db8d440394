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

// patience is how long a renewal that waits for room goes without a word from
// the account before it asks again.
const patience = 10 * time.Minute
