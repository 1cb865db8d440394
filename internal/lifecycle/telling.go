package lifecycle

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// silenced alerts are not told again while another one about the same trouble
// is: one thread of pages, not two. Thresholds still fire.
func (v *view) silenced(a Alert) bool {
	trouble := a.Reason == alert.RenewalFailing || a.Reason == alert.Expiring || a.Reason == alert.AttemptsSpent
	switch live := v.s.Live.Fingerprint; {
	case !trouble || a.Unreached:
		return false
	case a.Version != live:
		return v.s.open(alert.TargetBehind) != nil || v.s.open(alert.Drifted) != nil
	}
	return a.Reason != alert.AttemptsSpent && v.s.openAbout(alert.AttemptsSpent, a.Version) != nil
}

// tellDue finds the most urgent alert whose next notice is due. The world is
// looked at right before it is sent.
func (v *view) tellDue() *Decision {
	seen := map[string]bool{}
	waiting := false
	consider := func(a Alert, due time.Time, why Reason) *Decision {
		if v.s.flying(FlyTell, a.ID) || v.s.flying(FlyEdit, a.ID) {
			return nil
		}
		if !v.fresh(due) {
			waiting = true
			return nil
		}
		return v.tell(a, why)
	}
	for _, c := range v.conditions() {
		a := v.s.about(c)
		var d *Decision
		if a == nil {
			if d = consider(v.newAlert(c), c.since, raisedBy(c)); d != nil {
				return d
			}
			continue
		}
		seen[a.ID] = true
		switch {
		case c.severity.MoreUrgentThan(a.Severity) || c.level > a.Level:
			d = consider(v.raised(*a, c), c.since, raisedBy(c))
		default:
			d = v.followUp(*a, consider)
		}
		if d != nil {
			return d
		}
	}
	for _, a := range v.s.Alerts {
		if a.Open() && !seen[a.ID] {
			if d := v.followUp(a, consider); d != nil {
				return d
			}
		}
	}
	if waiting {
		return v.lookFor(LookBeforeTelling)
	}
	return nil
}

func raisedBy(c condition) Reason {
	if c.level >= 0 {
		return ThresholdCrossed
	}
	return ConditionRaised
}

func (v *view) followUp(a Alert, consider func(Alert, time.Time, Reason) *Decision) *Decision {
	if g := a.Gathering; g != nil && !a.quieted() && !a.Handed && !v.now.Before(g.Until) {
		a.rewind(v.now, len(v.s.Spec.Policy.ladder(a.Plan).Steps))
		return consider(a, g.Until, InboxMissed)
	}
	if v.roused(a) {
		return consider(a, a.Rouse.At, QuietHoursOver)
	}
	if a.NextAt.IsZero() || v.now.Before(a.NextAt) || v.silenced(a) {
		return nil
	}
	due, why := a.NextAt, StepUnanswered
	switch {
	case a.Status == Acknowledged:
		why = AckLapsed
		a.Status, a.Answer = Firing, nil
		a.Edit, a.LapAt = a.phase(), v.now
		a.Round++
	case !a.SnoozedUntil.IsZero():
		why = SnoozeEnded
		a.SnoozedUntil, a.Answer = time.Time{}, nil
		a.Edit = a.phase()
		a.Round++
	case a.Handed:
		why, a.Handed = HandedOver, false
	case a.Held != "":
		why, a.Held = SummaryMissed, ""
	case a.Unreached:
		why = NobodyReached
	case a.Step == 0:
		why = RepeatUnanswered
	}
	return consider(a, due, why)
}

func (v *view) newAlert(c condition) Alert {
	a := Alert{
		ID: alert.ID(v.s.Spec.Name, c.version, c.reason), Reason: c.reason, Version: c.version,
		Severity: c.severity, Plan: c.plan, Level: c.level, Status: Firing, FiredAt: v.now, Round: 1, Cause: c.cause,
	}
	if old := v.s.Alert(a.ID); old != nil { // it was resolved and is back: go on in its thread
		a.Round, a.Told, a.Receipts = old.Round+1, old.Told, old.Receipts
	}
	return a
}

// raised fires again from step 0, whatever was acknowledged or snoozed.
func (v *view) raised(a Alert, c condition) Alert {
	if !a.Severity.MoreUrgentThan(c.severity) {
		a.Severity, a.Plan = c.severity, c.plan
	}
	a.Level, a.Cause = c.level, c.cause
	a.Status, a.Answer, a.SnoozedUntil = Firing, nil, time.Time{}
	a.Round++
	a.Step, a.Used, a.LapAt, a.Held, a.Handed, a.Rouse = 0, nil, time.Time{}, "", false, nil
	a.Edit = a.phase()
	return a
}

// tell advances the alert past the step that is now told.
func (v *view) tell(a Alert, why Reason) *Decision {
	if why == QuietHoursOver {
		return v.again(a)
	}
	plan := v.s.Spec.Policy.ladder(a.Plan)
	at := min(a.Step, len(plan.Steps)-1)
	rung := plan.Steps[at]
	step := Step{Kind: StepTell, Roles: rung.Roles, Reach: rung.Reach, Last: at == len(plan.Steps)-1, Alone: why == InboxMissed, MayWait: v.mayWait(a.Severity, rung.Reach, a.Reason)}
	a = v.climb(a, plan)
	if !a.NextAt.IsZero() {
		step.Next = plan.Steps[a.Step].Roles[0]
	}
	step.Alert = &a
	return &Decision{Step: step, Reason: why}
}

// climb moves an alert past the step that is told now, and says when the next is due.
func (v *view) climb(a Alert, plan Escalation) Alert {
	at := min(a.Step, len(plan.Steps)-1)
	if at == 0 {
		a.LapAt, a.Used = v.now, nil
	}
	a.Told++
	a.Failed, a.Unreached, a.Gathering = nil, false, nil
	a.Step = at + 1
	switch {
	case a.Step < len(plan.Steps):
		a.NextAt = v.now.Add(v.of(plan.Steps[a.Step].After))
	case plan.Repeat.IsZero():
		a.NextAt = time.Time{}
	default:
		a.Step, a.NextAt = 0, latest(v.now, v.repeat(plan, a))
	}
	return a
}

// repeat is when the next lap begins: sooner once the end is near, and not
// later because the end was far when this lap began.
func (v *view) repeat(plan Escalation, a Alert) time.Time {
	lap, end := a.LapAt, v.s.Live.NotAfter
	at := lap.Add(v.of(plan.Repeat))
	if plan.UrgentRepeat.IsZero() || !v.known() {
		return at
	}
	if old, ok := v.placesPlan(a.Reason); ok {
		end = old.end()
	}
	urgent := end.Add(-v.of(v.s.Spec.Policy.UrgentLeft))
	if hourly := latest(urgent, lap.Add(v.of(plan.UrgentRepeat))); hourly.Before(at) {
		return hourly
	}
	return at
}

// editDue brings messages up to date that were sent earlier.
func (v *view) editDue() *Decision {
	for _, a := range v.s.Alerts {
		if a.Edit == "" || v.s.flying(FlyTell, a.ID) || v.s.flying(FlyEdit, a.ID) {
			continue
		}
		return &Decision{Step: Step{Kind: StepEdit, Alert: &a}, Reason: MessagesOutdated}
	}
	return nil
}
