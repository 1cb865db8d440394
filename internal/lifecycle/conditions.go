package lifecycle

import (
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
	since    time.Time // when it became so; the world is looked at for it before anybody is told
	cause    string
}

// conditions lists what holds now, the most urgent first.
func (v *view) conditions() []condition {
	var out []condition
	for _, check := range []func(*view) *condition{
		(*view).unproven, (*view).attemptsSpent, (*view).supplyNeeded, (*view).expiring, (*view).renewalFailing,
		(*view).targetBehind, (*view).drifted, (*view).revocationFailing, (*view).approvalNeeded, (*view).frozenOut, (*view).unseen, (*view).caUnavailable,
	} {
		if c := check(v); c != nil {
			c.version = v.s.Live.Fingerprint
			out = append(out, *c)
		}
	}
	slices.SortStableFunc(out, func(a, b condition) int {
		return strings.Compare(string(a.severity), string(b.severity))
	})
	return out
}

func (v *view) unproven() *condition {
	r := v.s.Renewal
	if r.Unproven == "" {
		return nil
	}
	return &condition{reason: alert.RollbackUnproven, severity: alert.P1, plan: "P1", level: -1, since: r.UnprovenAt, cause: r.Unproven}
}

func (v *view) attemptsSpent() *condition {
	if !v.s.Spec.Managed || !v.s.spent() {
		return nil
	}
	at, cause := v.lastFailure(OutcomeKind.Counts)
	return &condition{reason: alert.AttemptsSpent, severity: alert.P1, plan: "P1", level: -1, since: at, cause: cause}
}

// renewalFailing: an attempt failed, or two ended without a word or for want of the store.
func (v *view) renewalFailing() *condition {
	lost := 0
	for _, a := range v.s.Renewal.Attempts {
		if a.Outcome.mute() {
			lost++
		}
	}
	if !v.s.Spec.Managed || v.s.spent() || (v.s.counted() == 0 && lost < 2) {
		return nil
	}
	at, cause := v.lastFailure(func(k OutcomeKind) bool { return k.Counts() || k.mute() })
	return &condition{reason: alert.RenewalFailing, severity: alert.P3, plan: EscalateFailing, level: -1, since: at, cause: cause}
}

func (v *view) caUnavailable() *condition {
	if v.s.Renewal.DownSince.IsZero() {
		return nil
	}
	since := v.s.Renewal.DownSince
	if at := v.ownWordAt(); v.now.Before(at) {
		return nil
	} else if !at.IsZero() {
		since = at
	}
	_, cause := v.lastFailure(OutcomeKind.away)
	return &condition{reason: alert.CAUnavailable, severity: alert.P4, plan: EscalateInform, level: -1, since: since, cause: cause}
}

func (v *view) revocationFailing() *condition {
	r := v.s.Revoke
	if r == nil || r.Failed == "" {
		return nil
	}
	return &condition{reason: alert.RevocationFailing, severity: alert.P3, plan: EscalateFailing, level: -1, since: r.Since, cause: r.Failed}
}

// lastFailure finds the latest attempt of some kinds.
func (v *view) lastFailure(of func(OutcomeKind) bool) (time.Time, string) {
	for _, a := range slices.Backward(v.s.Renewal.Attempts) {
		if of(a.Outcome) {
			return a.At, a.Cause
		}
	}
	return time.Time{}, ""
}

// expiring: a threshold was crossed without a proven replacement.
func (v *view) expiring() *condition {
	if v.s.awaitsSupply() {
		return nil
	}
	if !v.known() {
		return v.neverIssued()
	}
	level := v.plan.Level(v.now)
	if level < 0 || (v.s.Spec.Managed && v.onCourse(level)) {
		return nil
	}
	_, cause := v.lastFailure(func(OutcomeKind) bool { return true })
	t := v.plan.Thresholds[level]
	c := &condition{reason: alert.Expiring, severity: t.Severity, plan: string(t.Severity), level: level, since: t.At, cause: cause}
	if v.s.Spec.Managed && level < v.s.Spec.Policy.Inform {
		c.plan = EscalateInform
	}
	return c
}

// onCourse reports that a threshold is no news about a managed certificate: its
// renewal is not yet due, or is under way for the first time; and, while
// thresholds only inform, that nothing stands in its way or people know already.
func (v *view) onCourse(level int) bool {
	s := v.s
	inform := level < s.Spec.Policy.Inform
	if !v.blocked() {
		early := v.now.Before(v.plan.RenewAt) && v.now.Before(v.plan.LastSafe)
		return inform || early || (v.now.Before(v.graceUntil()) && level < len(v.plan.Thresholds)-1)
	}
	known := v.renewalFailing() != nil || v.caUnavailable() != nil || v.stranded() || v.targetBehind() != nil || v.drifted() != nil || s.spent()
	return inform && (v.running() || (level == 0 && known))
}

// blocked reports whether something keeps the renewal from going its way.
func (v *view) blocked() bool { return v.paused() || v.held() || len(v.s.Renewal.Attempts) > 0 }

// graceUntil is how long the first attempt of all has before a threshold
// counts; zero if none is under way.
func (v *view) graceUntil() time.Time {
	for _, f := range v.s.Flights {
		if f.Kind == FlyRenewal && f.ID == string(ForRenewal) && !v.blocked() {
			return f.At.Add(v.of(v.s.Spec.Policy.RetryEvery))
		}
	}
	return time.Time{}
}

// overdueAt is when a first issuance has failed for too long; zero if there is none.
func (v *view) overdueAt() time.Time {
	if v.known() || !v.s.Spec.Managed || v.s.Renewal.FailingSince.IsZero() {
		return time.Time{}
	}
	return v.s.Renewal.FailingSince.Add(v.of(v.s.Spec.Policy.UnseenAfter))
}

// neverIssued counts as the first threshold that does more than inform: no
// date of expiry makes it urgent, so time does.
func (v *view) neverIssued() *condition {
	at, p := v.overdueAt(), v.s.Spec.Policy
	if at.IsZero() || v.now.Before(at) {
		return nil
	}
	_, cause := v.lastFailure(func(OutcomeKind) bool { return true })
	c := &condition{reason: alert.Expiring, severity: alert.P2, level: p.Inform, since: at, cause: cause}
	if p.Inform < len(p.Thresholds) {
		c.severity = p.Thresholds[p.Inform].Severity
	}
	c.plan = string(c.severity)
	return c
}

// unseenAt is when some place has not been seen for too long; in the far future while all are.
func (v *view) unseenAt() time.Time {
	last := v.s.Sight.SeenAt
	if last.IsZero() {
		last = v.s.EnrolledAt
	}
	return last.Add(v.of(v.s.Spec.Policy.UnseenAfter))
}

func (v *view) unseen() *condition {
	at := v.unseenAt()
	if v.now.Before(at) || (v.s.Spec.Managed && !v.known()) { // there is nothing to see before the first issuance
		return nil
	}
	c := &condition{reason: alert.Unseen, severity: alert.P3, plan: "P3", level: -1, since: at, cause: "nothing was observed"}
	for _, o := range v.s.Sight.Observations {
		if why := v.s.wrong(o); why != "" && !v.s.explained(o) {
			c.cause = o.Where() + ": " + why
			break
		}
	}
	return c
}
