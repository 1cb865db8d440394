package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// runView is the JSON of renew, deploy and rollback; its names are a contract with scripts.
type runView struct {
	Name        string           `json:"name"`
	Text        string           `json:"text"`
	Waited      bool             `json:"waited"`
	Fingerprint cert.Fingerprint `json:"fingerprint,omitempty"` // live after the wait
	NotAfter    time.Time        `json:"notAfter,omitzero"`
}

func (c *cli) renew() *cobra.Command {
	var fresh, wait, override bool
	var note, at string
	cmd := c.onName("renew", " [--new] [--override-freeze] [--wait] [--note TEXT]", "Renew or deploy again at once",
		`Renew a managed certificate at once. A version that was issued and could not be
deployed yet is deployed; --new discards it and orders another. With --wait it waits
for the end of the attempt, as long as the policy gives it (attempt_timeout, and the
bakes of its rollout) unless
--timeout says otherwise, and exits 1 if the attempt failed.

A certificate that is only watched, and that a source of the inventory sees where
something else renews it (cert-manager), is renewed by that: it is asked, and how it
goes on is seen by the next run of the source. --at asks at one place, as "where" and
"triage" show it, whatever is enrolled: neverlapse renew --at
cert-manager:prod/shop/web

In a freeze of its policy it is refused. --override-freeze has that freeze hold the
certificate no more, up to its end; it needs a --note, and is kept on record.`,
		func(cmd *cobra.Command, name string) error {
			if err := overriding(override, note); err != nil {
				return err
			}
			req, err := c.request(note)
			if err != nil {
				return err
			}
			err = c.begin(cmd.Context(), name, wait, func() (workflows.Taken, error) {
				return call(cmd.Context(), c, workflows.RenewNow, name, workflows.RenewRequest{Request: req, New: fresh, OverrideFreeze: override})
			})
			return c.watched(cmd.Context(), req, name, err)
		})
	cmd.Flags().BoolVar(&fresh, "new", false, "discard a version that was issued and not deployed")
	cmd.Flags().BoolVar(&override, "override-freeze", false, "renew although a freeze of its policy holds; needs --note")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the end of the attempt")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	cmd.Flags().StringVar(&at, "at", "", "`place` at which something else renews it")
	c.takesPlace(cmd, &at, &note)
	return cmd
}

// overriding refuses to override a freeze without a reason.
func overriding(freeze bool, note string) error {
	if freeze && note == "" {
		return usage("--override-freeze needs --note: why? it is put on record")
	}
	return nil
}

// begin asks for a run and, if wanted, waits for its end.
func (c *cli) begin(ctx context.Context, name string, wait bool, ask func() (workflows.Taken, error)) error {
	var before workflows.Status
	var err error
	if wait {
		if before, err = c.ask(ctx, name); err != nil {
			return err
		}
	}
	taken, err := ask()
	if err != nil {
		return err
	}
	if !wait {
		return c.answer(taken.Text, runView{Name: name, Text: taken.Text})
	}
	if c.text() {
		c.remark("%s", cleanLines(taken.Text))
	}
	spec := before.State.Spec
	bakes := lifecycle.Bakes(lifecycle.RolloutPlan(spec.Targets, spec.Policy.Rollout, before.Plan.Lifetime))
	limit := spec.Policy.AttemptTimeout.Of(before.Plan.Lifetime) + bakes + time.Minute
	after, err := c.await(ctx, name, c.patience(limit), func(s lifecycle.State) bool {
		return s.Renew == nil && s.RollBack == nil && s.Deploy == nil && !flying(s, lifecycle.FlyRenewal)
	})
	if err != nil {
		return err
	}
	return c.ended(before.State, after.State)
}

// ended tells how a run ended by what it left behind.
func (c *cli) ended(before, after lifecycle.State) error {
	name, live := after.Spec.Name, after.Live
	if n := len(after.Renewal.Attempts); n > 0 && (len(before.Renewal.Attempts) == 0 || after.Renewal.Attempts[n-1] != before.Renewal.Attempts[len(before.Renewal.Attempts)-1]) {
		if last := after.Renewal.Attempts[n-1]; !last.Outcome.Success() {
			return problem{exitFailed, fmt.Sprintf("%s: the attempt ended: %s; what follows: neverlapse status %s", name, outcome(last), name)}
		}
	}
	r := after.Rollout
	if r != nil && before.Rollout != nil && !r.Began.After(before.Rollout.Began) {
		r = nil // it is the one of before
	}
	if r != nil && !r.Outcome.Success() {
		return problem{exitFailed, fmt.Sprintf("%s: the %s ended: %s: %s; what follows: neverlapse status %s", name, r.Purpose, r.Outcome, r.Cause, name)}
	}
	text := fmt.Sprintf("%s: %s by %s is live until %s", name, live.Fingerprint.Short(), live.Issuer, c.when(live.NotAfter))
	switch {
	case r != nil && r.Purpose == lifecycle.ForDeploy:
		text = fmt.Sprintf("%s: %s is proven on %s", name, r.Version.Short(), strings.Join(provenOn(*r), ", "))
	case live.Fingerprint == before.Live.Fingerprint:
		text = fmt.Sprintf("%s: the run has ended and %s is still live; see: neverlapse status %s", name, live.Fingerprint.Short(), name)
	}
	return c.answer(text, runView{name, text, true, live.Fingerprint, live.NotAfter})
}

func provenOn(r lifecycle.Rollout) (out []string) {
	for _, t := range r.Targets {
		if t.Stage == lifecycle.StageProven {
			out = append(out, t.Where())
		}
	}
	return out
}
