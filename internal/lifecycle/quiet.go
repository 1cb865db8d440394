package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Hushed is somebody in quiet hours, who was told by what does not interrupt or
// not at all.
type Hushed struct {
	To    string
	Role  people.Role
	Until time.Time
}

// Rouse tells people again when their quiet hours are over, unless somebody
// answers before. The escalation goes on meanwhile by its own clock.
type Rouse struct {
	At    time.Time     `json:"at"`
	To    []string      `json:"to"` // ids of people and teams
	Roles []people.Role `json:"roles"`
	Reach alert.Reach   `json:"reach"`
}

// mayWait is until when a notice may be kept from interrupting somebody in quiet
// hours: until the next threshold and the last safe moment at the latest. It is
// zero where quiet hours do not count: for P1, for pages, and past that moment.
func (v *view) mayWait(severity alert.Severity, reach alert.Reach, reason alert.Reason) time.Time {
	if severity == alert.P1 || reach == alert.PageAll {
		return time.Time{}
	}
	at := v.now.Add(people.MaxQuiet)
	var plans []Plan
	if v.known() {
		plans = append(plans, v.plan)
	}
	if old, ok := v.placesPlan(reason); ok {
		plans = append(plans, old)
	}
	for _, p := range plans {
		for _, end := range []time.Time{p.LastSafe, p.next(v.now)} {
			if !end.After(v.now) {
				return time.Time{}
			}
			if end.Before(at) {
				at = end
			}
		}
	}
	return at
}

// hush notes who is told again, and when the first of their quiet hours end.
func (a *Alert) hush(t Told) {
	if len(t.Hushed) == 0 || !a.Open() || a.quieted() {
		return
	}
	r := Rouse{At: t.Hushed[0].Until, Reach: t.Reach}
	if old := a.Rouse; old != nil {
		r = Rouse{old.At, slices.Clone(old.To), slices.Clone(old.Roles), old.Reach}
		if t.Reach == alert.Wide {
			r.Reach = t.Reach
		}
	}
	for _, h := range t.Hushed {
		if h.Until.Before(r.At) {
			r.At = h.Until
		}
		if !slices.Contains(r.To, h.To) {
			r.To = append(r.To, h.To)
		}
		if !slices.Contains(r.Roles, h.Role) {
			r.Roles = append(r.Roles, h.Role)
		}
	}
	a.Rouse = &r
}

// roused reports whether quiet hours are over that somebody slept through.
func (v *view) roused(a Alert) bool {
	return a.Rouse != nil && !v.now.Before(a.Rouse.At) && !a.quieted() && !v.silenced(a)
}

// again tells those who were in quiet hours, and leaves the escalation where it is.
func (v *view) again(a Alert) *Decision {
	r, plan := a.Rouse, v.s.Spec.Policy.ladder(a.Plan)
	step := Step{Kind: StepTell, Roles: r.Roles, Reach: r.Reach, Again: r.To, MayWait: v.mayWait(a.Severity, r.Reach, a.Reason)}
	if !a.NextAt.IsZero() {
		step.Next = plan.Steps[min(a.Step, len(plan.Steps)-1)].Roles[0]
	}
	a.Told++
	a.Failed, a.Unreached, a.Rouse = nil, false, nil
	step.Alert = &a
	return &Decision{Step: step, Reason: QuietHoursOver}
}
