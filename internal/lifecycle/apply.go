package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// keepResolved and keepAttempts bound the state; the journal keeps everything.
const (
	keepResolved = 10
	keepAttempts = 20
)

// Apply makes the state say that the decision's step was begun at now. Waiting
// changes nothing.
func (s *State) Apply(d Decision, now time.Time) {
	switch d.Step.Kind {
	case StepLook:
		s.Look = nil
		s.Flights = append(s.Flights, Flight{Kind: FlyLook, At: now})
	case StepTell:
		s.put(*d.Step.Alert)
		s.Flights = append(s.Flights, Flight{FlyTell, d.Step.Alert.ID, now})
	case StepEdit:
		a := *d.Step.Alert
		a.Edit = ""
		s.put(a)
		s.Flights = append(s.Flights, Flight{FlyEdit, a.ID, now})
	case StepReport:
		s.Import.Reported = true
		if d.Step.Alert != nil {
			s.put(*d.Step.Alert)
		}
		s.Flights = append(s.Flights, Flight{Kind: FlyReport, At: now})
	case StepClose:
		s.put(*d.Step.Alert)
	case StepRun:
		s.begin(*d.Step.Run, now)
	case StepApproval:
		s.settle(d.Step.Approval)
	case StepRevoke:
		s.Flights = append(s.Flights, Flight{Kind: FlyRevoke, At: now})
	}
}

func (s *State) begin(r Run, now time.Time) {
	s.Flights = append(s.Flights, Flight{FlyRenewal, string(r.Purpose), now})
	if r.Yields != nil {
		s.Thawed = &Thawed{Order: Order{By: "policy " + s.Spec.Policy.Name, At: now}, Frozen: *r.Yields, Policy: true, Told: s.open(alert.Frozen) != nil}
	}
	switch r.Purpose {
	case ForRenewal:
		if r.Hold && s.Renew != nil { // what it issues is deployed by the same order
			o := *s.Renew
			o.New, s.Renewal.Asked = false, &o
		}
		s.Renew, s.Held, s.Renewal.Discard = nil, nil, false
		if r.Moved != nil {
			s.move(*r.Moved)
		}
	case ForRollBack:
		s.Held, s.RollBack = s.RollBack, nil
	case ForDeploy:
		if r.chosen() {
			s.Held = s.Deploy
		}
		if r.ByHand != "" {
			s.Deploy = nil
			if a := s.Approval; a != nil && a.For == ForDeploy { // it was for once
				s.Approval = nil
			}
		}
	}
}

// put replaces or adds an alert, and forgets the oldest resolved one when there are many.
func (s *State) put(a Alert) {
	if a.Reason == alert.Frozen && s.Thawed != nil {
		s.Thawed.Told = true
	}
	if old := s.Alert(a.ID); old != nil {
		*old = a
		return
	}
	s.Alerts = append(s.Alerts, a)
	for len(s.Alerts) > keepResolved {
		i := slices.IndexFunc(s.Alerts, func(a Alert) bool { return !a.Open() && !s.flying("", a.ID) })
		if i < 0 {
			return
		}
		s.Alerts = slices.Delete(s.Alerts, i, i+1)
	}
}

// Recover lands whatever a run inherited as under way: nobody will report it.
// A notice is sent again under its old key, messages are brought up to date
// again, a run counts as failed-unknown and the world is asked first.
func (s *State) Recover(now time.Time) {
	for _, f := range slices.Clone(s.Flights) {
		s.Land(f.Kind, f.ID)
		a := s.Alert(f.ID)
		switch {
		case f.Kind == FlyRenewal:
			s.Ended(now, Run{Purpose: Purpose(f.ID), Targets: s.Spec.Targets}, Outcome{Kind: Unknown, Cause: "the result was lost"})
		case f.Kind == FlyReport:
			s.Import.Reported = false
		case f.Kind == FlyTell && a != nil && a.Open():
			a.rewind(now, len(s.Spec.Policy.ladder(a.Plan).Steps))
		case f.Kind == FlyEdit && a != nil && a.Edit == "":
			a.Edit = a.phase()
		}
	}
}

// rewind makes the notice that was told last due again, unless somebody
// answered: then they know.
func (a *Alert) rewind(now time.Time, steps int) {
	if a.Status == Acknowledged || !a.SnoozedUntil.IsZero() || a.Told == 0 || a.Handed {
		return
	}
	if a.Step = a.Step - 1; a.Step < 0 {
		a.Step = steps - 1
	}
	if a.Step == 0 {
		a.LapAt = time.Time{}
	}
	a.Told--
	a.NextAt = now
}
