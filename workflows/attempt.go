package workflows

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// hands names the activities; only their names are used here.
var hands *activities.Activities

// attempt runs the child that renews, deploys or rolls back.
func (c *certificate) attempt(ctx workflow.Context, d lifecycle.Decision) {
	run, s := *d.Step.Run, c.State.Spec
	in := RenewalInput{
		Name: s.Name, Names: s.Names, CA: s.CA, KeyType: s.KeyType, ReuseKey: s.ReuseKey && !run.NewKey, Supplied: s.Supplied, Profile: s.Profile, Challenge: s.Challenge, DNS: s.DNS,
		Endpoints: s.Endpoints, Purpose: string(run.Purpose), Replaces: run.Replaces, Version: run.Version,
		Targets: run.Targets, Discard: run.Discard, Proof: run.Proof, Timeout: run.Timeout, Attempt: run.Attempt,
		SafeBy: run.SafeBy, InWindow: run.InWindow, Canary: run.Canary, AcceptIrreversible: s.AcceptIrreversible, CSR: s.CSR,
		Batches: run.Batches, MayFail: run.MayFail, ByHand: run.ByHand, Part: run.Part, Hold: run.Hold, Only: run.Only, InTask: true,
	}
	if run.CA != "" {
		in.CA = run.CA
	}
	if all := s.CAs(); len(all) > 1 {
		in.CAs, in.Leaves = all, run.Leaves
	}
	for _, r := range c.State.Revocations {
		in.Revoked = append(in.Revoked, r.Fingerprint)
	}
	if m := run.Moved; m != nil {
		c.note(ctx, entry{Kind: "next-ca", Text: movedInWords(*m), Details: map[string]string{"from": m.From, "to": m.To, "why": string(m.Why)}})
	}
	if f := run.Yields; f != nil {
		c.note(ctx, entry{Kind: "freeze-overridden", Text: fmt.Sprintf("freeze %s lasts until %s and yields: the last safe moment is %s", f.Name(), clock(f.Until), clock(run.SafeBy)), By: "policy " + s.Policy.Name})
	}
	c.note(ctx, entry{Kind: "attempt", Text: fmt.Sprintf("%s begins (%s), attempt %d", run.Purpose, d.Reason, run.Attempt), By: run.ByHand, Details: map[string]string{"purpose": string(run.Purpose), "ca": in.CA}})
	c.child = in.workflowID()
	workflow.GoNamed(ctx, string(run.Purpose), func(ctx workflow.Context) {
		var out RenewalOutput
		summary := fmt.Sprintf("%s %s, attempt %d: %s", run.Purpose, s.Name, run.Attempt, inWords(d.Reason))
		err := workflow.ExecuteChildWorkflow(attempt(ctx, in.workflowID(), summary, in.bound()), c.RenewalWorkflow, in).Get(ctx, &out)
		c.child = ""
		o := out.outcome()
		if err != nil {
			_, text := activities.FailureOf(err)
			o = lifecycle.Outcome{Kind: lifecycle.Unknown, Cause: "the run ended without a word: " + text}
		}
		before := c.State.Live
		c.State.Ended(workflow.Now(ctx), run, o)
		c.noteOutcome(ctx, run, o)
		if run.Purpose != lifecycle.ForRollBack && c.State.Live.NotBefore.After(before.NotBefore) {
			c.tellSuccess(ctx, before.Fingerprint)
		}
		c.changed()
	})
}

func (c *certificate) noteOutcome(ctx workflow.Context, run lifecycle.Run, o lifecycle.Outcome) {
	e := entry{Kind: "outcome", Text: fmt.Sprintf("%s ended: %s", run.Purpose, o.Kind), Details: map[string]string{"outcome": string(o.Kind), "version": string(o.Version.Fingerprint), "purpose": string(run.Purpose), "ca": cmp.Or(o.CA, run.CA, c.State.Spec.CA)}}
	if o.Cause != "" {
		e.Text += ": " + o.Cause
	}
	if o.Kind.Success() {
		e.Text += fmt.Sprintf("; %s, valid until %s, is live", o.Version.Fingerprint.Short(), clock(o.Version.NotAfter))
	}
	if o.Kind == lifecycle.Issued {
		e.Text += fmt.Sprintf("; %s, valid until %s, is kept and not deployed yet", o.Version.Fingerprint.Short(), clock(o.Version.NotAfter))
	}
	c.note(ctx, e)
}

// movedInWords says why another CA is tried.
func movedInWords(m lifecycle.Moved) string {
	text := fmt.Sprintf("%s is tried now: renewing at %s failed %d times in a row", m.To, m.From, m.Failed)
	switch {
	case m.Failed == 0:
		text = fmt.Sprintf("%s is tried now: %s has no room before the last safe moment", m.To, m.From)
	case m.Why == lifecycle.NextCAToBeSafe:
		text = fmt.Sprintf("%s is tried now: %s failed and would not be asked again before the last safe moment", m.To, m.From)
	}
	if m.Cause != "" {
		text += ": " + m.Cause
	}
	return text
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
