package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// notice gathers every fact that a message about an alert may tell.
func (c *certificate) notice(ctx workflow.Context, a lifecycle.Alert, phase alert.Phase, step lifecycle.Step) alert.Notice {
	s, now := c.State, workflow.Now(ctx).UTC()
	n := alert.Notice{
		Key:     noticeKey(s, a, phase),
		AlertID: a.ID, Standing: a.Standing(), Round: a.Round, Phase: phase, Severity: a.Severity, Reason: a.Reason, Reach: step.Reach,
		Certificate: s.Spec.Name, Names: s.Spec.Names, Managed: s.Spec.Managed, Environment: s.Spec.Environment,
		Owner: s.Spec.Owner, Team: s.Spec.Team, Version: s.Live, At: now, Places: places(s.Sight.Observations),
		Cause: a.Cause, Next: nextStep(workflow.Now(ctx), s, a, step), Answer: a.Answer, Evidence: a.Evidence, Retired: s.Retire != nil,
		Step: max(0, a.Step-1),
	}
	if a.Version != s.Live.Fingerprint && s.Previous.Fingerprint == a.Version {
		n.Version, n.Replacement = s.Previous, s.Live
	}
	for _, t := range s.Renewal.Attempts {
		n.Tried = append(n.Tried, alert.Try{At: t.At, Outcome: string(t.Outcome), Cause: t.Cause})
	}
	n.Fallback, n.Question = fallback(s, a), question(s, a)
	if f := lifecycle.FrozenUntil(now, s); f != nil {
		n.Freeze = &alert.Freeze{Name: f.Name(), Until: f.Until}
	}
	if c.Link != nil {
		n.Link = c.Link(s.Spec.Name)
	}
	n.Actions = Actions(now, s, a)
	n.Commands = lifecycle.Commands(now, s, a)
	return n
}

// fallback tells that another CA is tried, where an alert is about the renewal.
func fallback(s lifecycle.State, a lifecycle.Alert) *alert.Fallback {
	m := s.Renewal.Moved
	about := []alert.Reason{alert.Expiring, alert.RenewalFailing, alert.AttemptsSpent, alert.CAUnavailable}
	if m == nil || !a.Open() || !slices.Contains(about, a.Reason) {
		return nil
	}
	return &alert.Fallback{From: m.From, To: m.To, Failed: m.Failed}
}

// noticeKey is the same for every delivery of one notice, over retries and
// restarts. What was restored may have told more than is known of it, so its
// notices have keys that none had before.
func noticeKey(s lifecycle.State, a lifecycle.Alert, phase alert.Phase) string {
	key := fmt.Sprintf("%s/%d/%d", a.ID, a.Round, a.Told)
	if !s.Restored.IsZero() {
		key += fmt.Sprintf("/%d", s.Restored.Unix())
	}
	if phase != alert.Firing {
		key += "/" + string(phase)
	}
	return key
}

func places(seen []cert.Observation) []alert.Place {
	out := make([]alert.Place, 0, len(seen))
	for _, o := range seen {
		out = append(out, alert.Place{Where: o.Where(), Fingerprint: o.Version.Fingerprint, NotAfter: o.Version.NotAfter, Err: o.Err})
	}
	return out
}

// Subject says in one line what an alert is about, as the title of a message does.
func Subject(now time.Time, s lifecycle.State, a lifecycle.Alert, language, timezone string) string {
	n := alert.Notice{
		AlertID: a.ID, Phase: alert.Firing, Severity: a.Severity, Reason: a.Reason, Certificate: s.Spec.Name, Names: s.Spec.Names,
		Managed: s.Spec.Managed, Version: s.Live, At: now,
	}
	if a.Version != s.Live.Fingerprint && s.Previous.Fingerprint == a.Version {
		n.Version = s.Previous
	}
	return alert.Render(n, language, timezone).Subject
}

// Actions are the answers that make sense now.
func Actions(now time.Time, s lifecycle.State, a lifecycle.Alert) []alert.Action {
	if !a.Open() {
		return nil
	}
	out := []alert.Action{alert.ActAcknowledge, alert.ActSnooze}
	if a.Status == lifecycle.Acknowledged {
		out = out[1:]
	}
	if a.Reason == alert.ApprovalNeeded {
		return append(out, alert.ActApprove, alert.ActDeny)
	}
	out = append(out, alert.ActTakeOver)
	if s.Spec.Managed && lifecycle.FrozenUntil(now, s) == nil {
		out = append(out, alert.ActRenew)
	}
	return append(out, alert.ActCheck)
}

// nextStep tells what the system itself does next about this trouble.
func nextStep(now time.Time, s lifecycle.State, a lifecycle.Alert, step lifecycle.Step) alert.NextStep {
	events := lifecycle.Upcoming(now, s)
	find := func(reasons ...lifecycle.Reason) (lifecycle.Event, bool) {
		i := slices.IndexFunc(events, func(e lifecycle.Event) bool { return slices.Contains(reasons, e.Reason) })
		if i < 0 {
			return lifecycle.Event{}, false
		}
		return events[i], true
	}
	if a.Reason == alert.ApprovalNeeded {
		if alone := Alone(now, s); !alone.At.IsZero() {
			return alone
		}
	} else if e, ok := find(lifecycle.UntilFreezeYields, lifecycle.UntilFreezeEnds); ok && a.Reason == alert.Frozen {
		return alert.NextStep{Kind: "renew", At: e.At}
	}
	if e, ok := find(lifecycle.UntilRevoke); ok && a.Reason == alert.RevocationFailing {
		return alert.NextStep{Kind: "retry", At: e.At}
	}
	if e, ok := find(lifecycle.UntilRetry, lifecycle.UntilNextCA, lifecycle.UntilRenewal, lifecycle.UntilWindow, lifecycle.UntilPauseEnds, lifecycle.UntilFreezeEnds, lifecycle.UntilFreezeYields, lifecycle.UntilBehindRetry); ok && a.Reason != alert.AttemptsSpent {
		kind := "renew"
		if e.Reason == lifecycle.UntilRetry || e.Reason == lifecycle.UntilNextCA || e.Reason == lifecycle.UntilBehindRetry {
			kind = "retry"
		}
		return alert.NextStep{Kind: kind, At: e.At}
	}
	if !a.NextAt.IsZero() && a.Open() {
		if slices.Contains(step.Roles, step.Next) {
			return alert.NextStep{Kind: "repeat", At: a.NextAt}
		}
		return alert.NextStep{Kind: "escalate", At: a.NextAt, Who: string(step.Next)}
	}
	return alert.NextStep{Kind: "none"}
}
