package workflows

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// CanaryID is the ID of the schedule of the canary, and begins those of its runs.
const CanaryID = "watchman/canary"

// CanaryInput is what is configured of the canary certificate.
type CanaryInput struct {
	activities.AdmitRequest               // names, CA, kind of key, way to prove them, the target and what shows it
	Every                   time.Duration `json:"every"`
}

// CanaryOutput is how the canary does, and what its next run has to know.
type CanaryOutput struct {
	CA        string       `json:"ca"`
	At        time.Time    `json:"at"`                 // the latest try
	Outcome   string       `json:"outcome"`            // of it
	Cause     string       `json:"cause,omitempty"`    // why it failed
	Succeeded time.Time    `json:"succeeded,omitzero"` // when it was renewed last; zero: never
	Version   cert.Version `json:"version,omitzero"`   // that one
	Alerts    []Event      `json:"alerts,omitempty"`
	Told      int          `json:"told"` // makes each notice's key
}

// A renewal of the canary that fails for a passing reason is tried so often before
// people are told, and its steps are bounded like those of any other.
const (
	canaryTries   = 3
	canaryPause   = 10 * time.Minute // at most, before the next try
	canaryTimeout = 10 * time.Minute
	canaryProof   = time.Minute
	// canaryYields is how long its order may wait for others at a CA that has limits.
	canaryYields = 90 * 24 * time.Hour
)

// canary is one run.
type canary struct {
	CanaryOutput
	teller
	in   CanaryInput
	team string
}

// CanaryWorkflow renews the canary certificate as its schedule has it: by a run
// like that of any other certificate, whose attempts count for nobody. People are
// told when it fails, and when it works again.
func (w *Workflows) CanaryWorkflow(ctx workflow.Context, in CanaryInput) (CanaryOutput, error) {
	c := &canary{in: in, team: in.Team}
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &c.CanaryOutput); err != nil {
			return CanaryOutput{}, err
		}
	}
	c.CA = in.CA
	c.teller = teller{alerts: &c.Alerts, told: &c.Told, changed: func() {}, notice: c.about, readers: c.readers}
	for try := 1; ; try++ {
		out := c.renew(ctx, w, try)
		c.At, c.Outcome, c.Cause = workflow.Now(ctx).UTC(), out.Kind, cut(out.Cause, keepText)
		if lifecycle.OutcomeKind(out.Kind).Success() || out.Kind == string(lifecycle.Issued) {
			c.Succeeded, c.Version = c.At, out.Version
			break
		}
		pause := min(canaryPause, in.Every/10)
		if out.Kind == string(lifecycle.ConfigurationRefused) || try == canaryTries || out.RetryAt.Sub(c.At) > pause {
			break
		}
		summary := fmt.Sprintf("wait, then try again: %s: %s", out.Kind, out.Cause)
		if err := workflow.NewTimerWithOptions(ctx, max(pause, time.Second), workflow.TimerOptions{Summary: brief(summary)}).Get(ctx, nil); err != nil {
			return c.CanaryOutput, err
		}
	}
	c.judge()
	workflow.SetCurrentDetails(ctx, c.details())
	err := c.tellNow(ctx)
	return c.CanaryOutput, err
}

// renew is one attempt. What a run before was issued is never used: that a
// certificate can be obtained is the question. What a try before was issued is, so
// that a target that fails costs no more certificates.
func (c *canary) renew(ctx workflow.Context, w *Workflows, try int) RenewalOutput {
	failed := func(err error) RenewalOutput {
		f, text := activities.FailureOf(err)
		kind := lifecycle.Unknown
		if f.Kind == activities.Configuration || f.Kind == activities.Invalid || f.Kind == activities.Conflict {
			kind = lifecycle.ConfigurationRefused
		}
		return RenewalOutput{Kind: string(kind), Cause: text, RetryAt: f.RetryAt}
	}
	var key cert.KeyType
	if err := workflow.ExecuteActivity(quick(ctx, "can the canary be renewed as it is configured?"), hands.PrepareCanary, c.in.AdmitRequest).Get(ctx, &key); err != nil {
		return failed(err)
	}
	in := RenewalInput{
		Name: activities.CanaryName, Names: c.in.Names, CA: c.in.CA, KeyType: key, Profile: c.in.Profile, Challenge: c.in.Challenge, DNS: c.in.DNS,
		Endpoints: c.in.Endpoints, Targets: c.in.Targets, Purpose: string(lifecycle.ForRenewal), Replaces: c.Version.Fingerprint, Discard: try == 1, Attempt: try,
		Proof: canaryProof, Timeout: canaryTimeout, SafeBy: workflow.Now(ctx).Add(canaryYields), Hold: len(c.in.Targets) == 0, InTask: true,
	}
	var out RenewalOutput
	summary := fmt.Sprintf("renew the canary certificate, try %d", try)
	if err := workflow.ExecuteChildWorkflow(attempt(ctx, in.workflowID(), summary, in.bound()), w.RenewalWorkflow, in).Get(ctx, &out); err != nil {
		return failed(err)
	}
	if out.Kind == string(lifecycle.Issued) {
		read := activities.CanaryVersion{Fingerprint: out.Version.Fingerprint, Names: c.in.Names}
		if err := workflow.ExecuteActivity(quick(ctx, "read back "+out.Version.Fingerprint.Short()), hands.ReadCanary, read).Get(ctx, nil); err != nil {
			return failed(err)
		}
	}
	return out
}

// judge opens the alert, or closes it. That the CA has no room for it now is no
// trouble until it has been so for long.
func (c *canary) judge() {
	late := c.At.Sub(c.Succeeded) > 3*c.in.Every
	switch {
	case c.Succeeded.Equal(c.At):
		c.settle(alert.CanaryFailing, "it was renewed at "+clock(c.At))
	case c.Outcome != string(lifecycle.Waiting) || late:
		c.raise(Event{Reason: alert.CanaryFailing, Severity: alert.P3, Since: c.At, Owner: c.team, Cause: c.Outcome + ": " + c.Cause}, c.At)
	}
}

func (c *canary) about(now time.Time, e Event) alert.Notice {
	n := alert.Notice{
		Key: fmt.Sprintf("%s/%s/%d/%d", CanaryID, e.Reason, e.Since.Unix(), c.Told), AlertID: fmt.Sprintf("%s/%d/%s", CanaryID, e.Since.Unix(), e.Reason), Phase: alert.Firing,
		Severity: e.Severity, Reason: e.Reason, Reach: alert.Direct, Certificate: c.CA, Names: c.in.Names, Team: e.Owner, At: now.UTC(), Cause: e.Cause,
		Next: alert.NextStep{Kind: "retry", At: now.Add(c.in.Every).UTC()}, Evidence: e.Evidence, Commands: []string{"neverlapse canary", "neverlapse ca check " + c.CA, "neverlapse canary run"},
	}
	if e.Evidence != "" {
		n.Phase, n.Next = alert.Resolved, alert.NextStep{Kind: "none"}
	}
	return n
}

// readers are told beside the catch-all.
func (c *canary) readers(e Event) []people.Question {
	if e.Owner == "" {
		return nil
	}
	return []people.Question{{Roles: []people.Role{people.TeamAll}, Team: e.Owner}}
}

func (c *canary) details() string {
	text := fmt.Sprintf("%s at %s", code(c.Outcome), clock(c.At))
	if c.Cause != "" {
		text += ": " + code(c.Cause)
	}
	return text
}

// LastCanary is how the canary did in its latest run that ended, and how often it
// is renewed; zero: there is none.
func LastCanary(ctx context.Context, c client.Client) (out CanaryOutput, every time.Duration, err error) {
	every, err = lastOf(ctx, c, CanaryID, &out)
	return out, every, err
}
