package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// Told is what became of a notice.
type Told struct {
	Alert    string
	Receipts []alert.Receipt
	// Nobody tells that the roles led to nobody, so the next step is due at once.
	Nobody bool
	// Aside says why the route of the notice was not followed.
	Aside []string
	// Failed lists the channels that refused, in words. With no receipt at all
	// the notice reached nobody.
	Failed []string
	// Posted are those in whose inbox it waits, until an instant at the latest.
	Posted []string
	Until  time.Time
	// Hushed are those in quiet hours; Reach is how loudly they are told afterwards.
	Hushed []Hushed
	Reach  alert.Reach
}

// keepFailed bounds how many refusals of one notice are kept.
const keepFailed = 20

// Told lands a notice. One that reached nobody is followed by the next step at
// once; after the last step it is tried again, soon at first.
func (s *State) Told(now time.Time, t Told) {
	s.Land(FlyTell, t.Alert)
	a := s.Alert(t.Alert)
	if a == nil {
		return
	}
	a.Failed, a.Unreached = nil, !alert.Reached(t.Receipts) && len(t.Posted)+len(t.Hushed) == 0
	a.hush(t)
	a.take(t.Receipts, t.Failed)
	if len(t.Posted) > 0 {
		a.Gathering = &Gathering{Notice: a.Told, To: t.Posted, Reached: alert.Reached(t.Receipts), Until: t.Until}
	}
	if a.Unreached {
		s.reachedNobody(now, a)
	}
}

// take notes who was reached, and what refused.
func (a *Alert) take(receipts []alert.Receipt, failed []string) {
	for _, f := range failed[:min(len(failed), max(0, keepFailed-len(a.Failed)))] {
		a.Failed = append(a.Failed, clip(f))
	}
	for _, r := range receipts {
		if !r.Copy && !slices.Contains(a.Used, r.Kind) {
			a.Used = append(a.Used, r.Kind)
		}
		same := func(o alert.Receipt) bool {
			return o.Channel == r.Channel && o.Address == r.Address && o.Digest == r.Digest
		}
		if !slices.ContainsFunc(a.Receipts, same) {
			a.Receipts = append(a.Receipts, r)
		}
	}
}

// reachedNobody has the next step follow at once; after the last step the notice
// is tried again, soon at first.
func (s *State) reachedNobody(now time.Time, a *Alert) {
	a.Failed = append(a.Failed, "nobody was reached")
	if !a.Open() || a.quieted() || a.Handed {
		return
	}
	steps := len(s.Spec.Policy.ladder(a.Plan).Steps)
	switch {
	case a.Step > 0 && a.Step < steps:
		a.NextAt = now
		return
	case len(a.Used) == 0:
		a.Step, a.LapAt = 0, time.Time{}
	default: // those before were told; only the last were not
		a.Step = steps - 1
	}
	v := look(now, s)
	pace := v.of(s.Spec.Policy.RetryEvery)
	a.NextAt = now.Add(growing(now.Sub(a.FiredAt), max(pace/4, time.Second), pace))
}

// growing paces what is tried again and again: at first every least, at last
// every most, in between in proportion to how long it has gone on.
func growing(since, least, most time.Duration) time.Duration {
	return max(least, min(since/12, most))
}

// Edited lands the update of sent messages.
func (s *State) Edited(id string) { s.Land(FlyEdit, id) }

func (a Alert) quieted() bool { return a.Status == Acknowledged || !a.SnoozedUntil.IsZero() }

// phase is the news that sent messages should show.
func (a Alert) phase() alert.Phase {
	switch {
	case len(a.Receipts) == 0:
		return ""
	case a.Status == Resolved:
		return alert.Resolved
	case a.Status == Acknowledged:
		return alert.Acknowledged
	case !a.SnoozedUntil.IsZero():
		return alert.Snoozed
	}
	return alert.Changed
}

// ToldOf lists who has an open message about a version, and so learns from its
// closing that the version was replaced.
func (s State) ToldOf(version cert.Fingerprint) (who []string) {
	for _, a := range s.Alerts {
		for _, r := range a.Receipts {
			if a.Open() && a.Version == version && !r.Copy {
				who = append(who, r.To)
			}
		}
	}
	return who
}
