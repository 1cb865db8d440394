package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// condition is something that a human must see now.
type condition struct {
	reason   alert.Reason
	version  cert.Fingerprint
	severity alert.Severity
	plan     string
	level    int
	since    time.Time // when it became so; the world is looked at after this before anybody is told
	cause    string
}

// conditions lists what holds now, the most urgent first.
func (v *view) conditions() []condition {
	s := v.s
	live := s.Live.Fingerprint
	var out []condition
	add := func(c condition) { out = append(out, c) }
	if s.Renewal.Unproven != "" {
		add(condition{alert.RollbackUnproven, live, alert.P1, "P1", -1, v.lastAttempt(), s.Renewal.Unproven})
	}
	if s.Spec.Managed && v.spent() {
		add(condition{alert.AttemptsSpent, live, alert.P1, "P1", -1, v.lastAttempt(), v.lastCause()})
	}
	if c := v.expiring(); c != nil {
		add(*c)
	}
	if s.Spec.Managed && s.counted() > 0 && !v.spent() {
		add(condition{alert.RenewalFailing, live, alert.P3, EscalateFailing, -1, v.lastAttempt(), v.lastCause()})
	}
	if targets, _ := v.behind(); len(targets) > 0 {
		add(v.behindCondition())
	}
	if at := v.unseenAt(); !v.now.Before(at) {
		add(condition{alert.Unseen, live, alert.P3, "P3", -1, at, v.unseenCause()})
	}
	if !s.Renewal.DownSince.IsZero() {
		add(condition{alert.CAUnavailable, live, alert.P4, EscalateInform, -1, s.Renewal.DownSince, v.lastCause()})
	}
	slices.SortStableFunc(out, func(a, b condition) int {
		return strings.Compare(string(a.severity), string(b.severity))
	})
	return out
}

func (v *view) lastAttempt() time.Time {
	if n := len(v.s.Renewal.Attempts); n > 0 {
		return v.s.Renewal.Attempts[n-1].At
	}
	return v.now
}

func (v *view) lastCause() string {
	if n := len(v.s.Renewal.Attempts); n > 0 {
		return v.s.Renewal.Attempts[n-1].Cause
	}
	return ""
}

// expiring: a threshold was crossed without a proven replacement. For a managed
// certificate the first thresholds only inform, and only once something went
// wrong: a renewal that is not yet due, or is under way, is no news.
func (v *view) expiring() *condition {
	if !v.known() {
		return nil
	}
	level := v.plan.Level(v.now)
	if level < 0 {
		return nil
	}
	t := v.plan.Thresholds[level]
	c := &condition{alert.Expiring, v.s.Live.Fingerprint, t.Severity, string(t.Severity), level, t.At, v.lastCause()}
	if v.s.Spec.Managed && level < v.s.Spec.Policy.Inform {
		c.plan = EscalateInform
		blocked := v.paused() || v.held() || len(v.s.Renewal.Attempts) > 0
		told := level == 0 && (v.s.open(alert.RenewalFailing) != nil || v.s.open(alert.CAUnavailable) != nil || v.s.open(alert.AttemptsSpent) != nil)
		if !blocked || v.running() || told {
			return nil
		}
	}
	return c
}

// behindCondition grows more urgent as the version that is still on the target
// nears its end.
func (v *view) behindCondition() condition {
	s := v.s
	c := condition{alert.TargetBehind, s.Live.Fingerprint, alert.P3, EscalateBehind, -1, v.now, ""}
	var why []string
	first := true
	for _, p := range s.Installed {
		if p.Behind == "" {
			continue
		}
		if first || p.Since.Before(c.since) {
			c.since, first = p.Since, false
		}
		why = append(why, p.Target+": "+p.Behind)
	}
	c.cause = strings.Join(why, "; ")
	if s.Previous.Fingerprint != "" {
		old := PlanOf(s.Previous, nil, s.Spec.Policy)
		if level := old.Level(v.now); level >= s.Spec.Policy.Inform {
			c.level, c.severity = level, old.Thresholds[level].Severity
			c.plan = string(c.severity)
			if at := old.Thresholds[level].At; at.After(c.since) {
				c.since = at
			}
		}
	}
	return c
}

// unseenAt is when nothing has been seen for too long; in the far future while it is fine.
func (v *view) unseenAt() time.Time {
	last := v.s.Sight.SeenAt
	if last.IsZero() {
		last = v.s.EnrolledAt
	}
	return last.Add(v.of(v.s.Spec.Policy.UnseenAfter))
}

func (v *view) unseenCause() string {
	for _, o := range v.s.Sight.Observations {
		if !o.Seen() {
			return o.Where() + ": " + o.Err
		}
	}
	return "nothing was observed"
}

// silenced alerts are not told again while a more urgent one about the same
// trouble is: one thread of pages, not two.
func (v *view) silenced(a Alert) bool {
	if v.s.open(alert.AttemptsSpent) == nil {
		return false
	}
	repeat := a.Step == 0 && len(a.Used) > 0
	return a.Reason == alert.RenewalFailing || (a.Reason == alert.Expiring && repeat && a.Status == Firing)
}

// tellDue finds the most urgent alert whose next notice is due. The world is
// looked at after the notice became due and before it is sent.
func (v *view) tellDue() *Decision {
	seen := map[alert.Reason]bool{}
	waiting := false
	consider := func(a Alert, due time.Time, why Reason) *Decision {
		if v.s.flying(FlyTell, a.ID) || v.s.flying(FlyEdit, a.ID) {
			return nil
		}
		if v.s.Sight.At.Before(due) {
			waiting = true
			return nil
		}
		return v.tell(a, why)
	}
	for _, c := range v.conditions() {
		seen[c.reason] = true
		a := v.s.open(c.reason)
		var d *Decision
		switch {
		case a == nil:
			d = consider(v.newAlert(c), c.since, raisedBy(c))
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
		if a.Open() && !seen[a.Reason] {
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
	if a.NextAt.IsZero() || v.now.Before(a.NextAt) || v.silenced(a) {
		return nil
	}
	due, why := a.NextAt, StepUnanswered
	switch {
	case a.Status == Acknowledged:
		why = AckLapsed
		a.Status, a.Answer, a.Edit = Firing, nil, alert.Changed
	case !a.SnoozedUntil.IsZero():
		why = SnoozeEnded
		a.SnoozedUntil, a.Answer, a.Edit = time.Time{}, nil, alert.Changed
	case len(a.Failed) > 0:
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
	a.Severity, a.Plan, a.Level, a.Cause = c.severity, c.plan, c.level, c.cause
	a.Status, a.Answer, a.SnoozedUntil = Firing, nil, time.Time{}
	a.Round++
	a.Step, a.Used = 0, nil
	a.Edit = alert.Changed
	return a
}

// tell advances the alert past the step that is now told.
func (v *view) tell(a Alert, why Reason) *Decision {
	p := v.s.Spec.Policy
	plan, ok := p.escalation(a.Plan)
	if !ok {
		plan, _ = Default().escalation(a.Plan)
	}
	at := min(a.Step, len(plan.Steps)-1)
	rung := plan.Steps[at]
	step := Step{Kind: StepTell, Roles: rung.Roles, Reach: rung.Reach, Last: at == len(plan.Steps)-1}
	a.Told++
	a.Failed = nil
	a.Step = at + 1
	switch {
	case a.Step < len(plan.Steps):
		a.NextAt = v.now.Add(v.of(plan.Steps[a.Step].After))
		step.Next = plan.Steps[a.Step].Roles[0]
	case plan.Repeat.IsZero():
		a.NextAt = time.Time{}
	default:
		every := plan.Repeat
		if !plan.UrgentRepeat.IsZero() && v.known() && v.s.Live.NotAfter.Sub(v.now) <= v.of(p.UrgentLeft) {
			every = plan.UrgentRepeat
		}
		a.Step, a.NextAt = 0, v.now.Add(v.of(every))
		step.Next = plan.Steps[0].Roles[0]
	}
	step.Alert = &a
	return &Decision{Step: step, Reason: why}
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

// closeAlerts resolves what the evidence answers. Acknowledging never does.
func (v *view) closeAlerts() *Decision {
	for _, a := range v.s.Alerts {
		if !a.Open() || v.s.flying(FlyTell, a.ID) {
			continue
		}
		evidence := v.evidence(a)
		if evidence == "" {
			continue
		}
		a.Status, a.Evidence, a.ResolvedAt, a.NextAt = Resolved, evidence, v.now, time.Time{}
		a.SnoozedUntil, a.Edit = time.Time{}, alert.Resolved
		if len(a.Receipts) == 0 {
			a.Edit = ""
		}
		return &Decision{Step: Step{Kind: StepClose, Alert: &a}, Reason: EvidenceFound}
	}
	return nil
}

// evidence says what closes an alert, "" while nothing does.
func (v *view) evidence(a Alert) string {
	s := v.s
	replaced := v.known() && s.Live.Fingerprint != a.Version
	switch a.Reason {
	case alert.Expiring:
		if replaced && v.plan.Level(v.now) < a.Level && v.serves() {
			return v.proof()
		}
		if !replaced && v.known() && v.plan.Level(v.now) < 0 {
			return "the policy was changed: no threshold is crossed any more"
		}
	case alert.RenewalFailing, alert.AttemptsSpent:
		if replaced && v.serves() {
			return v.proof()
		}
		if !s.Spec.Managed {
			return "the certificate is not renewed here any more"
		}
		if a.Reason == alert.AttemptsSpent && !v.spent() {
			return "the budget of attempts was renewed"
		}
	case alert.CAUnavailable:
		if s.Renewal.DownSince.IsZero() {
			return "the CA answered"
		}
	case alert.TargetBehind:
		if targets, _ := v.behind(); len(targets) == 0 {
			return "every target has " + s.Live.Fingerprint.Short()
		}
	case alert.RollbackUnproven:
		if s.Renewal.Unproven == "" {
			return v.proof()
		}
	case alert.Unseen:
		if s.Sight.SeenAt.After(a.FiredAt) {
			return "every place was seen again"
		}
	}
	return ""
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

// serves reports whether every place shows Live. A watched certificate's Live
// is what its places show, so addresses that do not answer do not hold it up.
func (v *view) serves() bool {
	seen := 0
	for _, o := range v.s.places() {
		if !o.Seen() {
			if v.s.Spec.Managed {
				return false
			}
			continue
		}
		if o.Version.Fingerprint != v.s.Live.Fingerprint {
			return false
		}
		seen++
	}
	return seen > 0 && v.s.Live.ValidAt(v.now)
}

func (v *view) proof() string {
	var where []string
	for _, o := range v.s.places() {
		if o.Seen() && o.Version.Fingerprint == v.s.Live.Fingerprint {
			where = append(where, o.Where())
		}
	}
	return fmt.Sprintf("%s, valid until %s, is proven at %s", v.s.Live.Fingerprint.Short(),
		v.s.Live.NotAfter.UTC().Format(time.RFC3339), strings.Join(where, ", "))
}
