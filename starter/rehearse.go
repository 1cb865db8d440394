package main

import (
	"context"
	"fmt"
	"slices"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// rehearsalView is the JSON of deploy --dry-run; its names are a contract with scripts.
type rehearsalView struct {
	Name    string           `json:"name"`
	Version cert.Fingerprint `json:"version"`
	MayFail int              `json:"mayFail"`
	Batches int              `json:"batches"`
	Targets []rehearsedView  `json:"targets"`
}

type rehearsedView struct {
	cert.Rehearsal
	Batch   int  `json:"batch"`
	Canary  bool `json:"canary,omitempty"`
	Changes bool `json:"changes"` // it has another version, or none
}

// rehearse has every target tell what a deployment would change there.
func (c *cli) rehearse(ctx context.Context, name string, d deployment) error {
	version, err := c.deployable(ctx, name, "--version", d.version, "live")
	if err != nil {
		return err
	}
	s, err := c.ask(ctx, name)
	if err != nil {
		return err
	}
	order := lifecycle.Order{Fingerprint: version, Targets: d.targets}
	if err := s.State.CheckDeploy(c.now(), order); err != nil {
		return err
	}
	order, batches, mayFail := s.State.PlanDeploy(order)
	got, err := c.askTargets(ctx, s, order, d.note)
	if err != nil {
		return err
	}
	v := rehearsalView{Name: name, Version: order.Fingerprint, MayFail: mayFail, Batches: len(batches)}
	for i, b := range batches {
		for _, t := range b.Targets {
			r := cert.Rehearsal{Target: t, Trouble: "nothing was said of it"}
			if j := slices.IndexFunc(got, func(g cert.Rehearsal) bool { return g.Target == t }); j >= 0 {
				r = got[j]
			}
			v.Targets = append(v.Targets, rehearsedView{r, i + 1, b.Canary, r.Has.Fingerprint != order.Fingerprint})
		}
	}
	return c.rehearsed(v)
}

// askTargets runs the rehearsal on the workers that have the targets.
func (c *cli) askTargets(ctx context.Context, s workflows.Status, o lifecycle.Order, note string) ([]cert.Rehearsal, error) {
	req, err := c.request(note)
	if err != nil {
		return nil, err
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	reminder := c.remind()
	defer reminder.Stop()
	limit := c.patience(workflows.RehearsalLimit)
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	spec := s.State.Spec
	run, err := conn.ExecuteWorkflow(waiting, client.StartWorkflowOptions{
		ID: workflows.RehearsalID(spec.Name, req.ID), TaskQueue: c.config.Temporal.TaskQueue, WorkflowExecutionTimeout: workflows.RehearsalLimit,
		StaticSummary: fmt.Sprintf("what deploying %s of %s would change, for %s", o.Fingerprint.Short(), spec.Name, req.By),
	}, (&workflows.Workflows{}).RehearsalWorkflow, workflows.RehearsalInput{
		Name: spec.Name, Names: spec.Names, Version: o.Fingerprint, Targets: o.Targets, By: req.By, Via: req.Via, Note: note, AcceptIrreversible: spec.AcceptIrreversible,
	})
	if err != nil {
		return nil, err
	}
	var out []cert.Rehearsal
	if err = run.Get(waiting, &out); err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, problem{exitUnreachable, fmt.Sprintf("no answer within %s; is neverlapse-worker running?", lifecycle.FormatDuration(limit))}
	}
	return out, err
}

// rehearsed shows what was said, and fails if something stands in the way.
func (c *cli) rehearsed(v rehearsalView) error {
	stuck := 0
	for _, t := range v.Targets {
		if t.Refused != "" || t.Trouble != "" {
			stuck++
		}
	}
	if !c.text() {
		if err := c.result(v); err != nil {
			return err
		}
	} else {
		c.printRehearsal(v)
	}
	if stuck > 0 {
		return problem{exitFailed, fmt.Sprintf("%s: %d of %d targets could not be deployed to as things are; nothing was changed", v.Name, stuck, len(v.Targets))}
	}
	return nil
}

func (c *cli) printRehearsal(v rehearsalView) {
	how := "at once"
	if v.Batches > 1 {
		how = fmt.Sprintf("in %d batches, of which %s may fail", v.Batches, numbered(v.MayFail, "target"))
	}
	c.say("%s: deploying %s to %s, %s; nothing was changed", v.Name, v.Version.Short(), numbered(len(v.Targets), "target"), how)
	for _, t := range v.Targets {
		batch := fmt.Sprintf("batch %d", t.Batch)
		if t.Canary {
			batch += ", the canary"
		}
		c.say("\n%s (%s)", clean(t.Target, 0), batch)
		c.fact("has", "%s", c.versionLine(t.Has))
		c.fact("would get", "%s", map[bool]string{true: c.versionLine(t.Gets), false: "the same"}[t.Changes])
		if s := t.Steps; s != nil {
			for _, w := range s.Writes {
				c.fact("writes", "%s", w)
			}
			c.fact("check", "%s", orNone(s.Check))
			c.fact("reload", "%s", orNone(s.Reload))
			switch {
			case s.Irreversible != "":
				c.fact("reversible", "no: %s", s.Irreversible)
			case t.Trouble == "":
				c.fact("reversible", "yes")
			}
		} else {
			c.fact("steps", "this kind of target does not say")
		}
		c.fact("refused", "%s", t.Refused)
		c.fact("in the way", "%s", t.Trouble)
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func (c *cli) versionLine(v cert.Version) string {
	if v.Fingerprint == "" {
		return "nothing"
	}
	return fmt.Sprintf("%s by %s, serial %s, until %s", v.Fingerprint.Short(), v.Issuer, v.Serial, c.when(v.NotAfter))
}
