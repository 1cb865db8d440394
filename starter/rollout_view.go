package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// running has the run that is under way say how far it is; one that does not
// answer leaves the rest of the status as it is.
func (c *cli) running(ctx context.Context, s *workflows.Status) {
	conn, err := c.connect(ctx)
	if err != nil {
		return
	}
	waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	_ = s.AskRollout(waiting, conn)
}

// rolloutOf is the rollout under way, else the latest; nil if there is none.
func rolloutOf(s workflows.Status) *lifecycle.Rollout {
	if s.Running != nil {
		return s.Running
	}
	return s.State.Rollout
}

// rolloutInWords says in one sentence how far a rollout is, or how it ended.
func (c *cli) rolloutInWords(r lifecycle.Rollout) string {
	text := fmt.Sprintf("%s of %s", r.Purpose, r.Version.Short())
	if r.ByHand != "" {
		text += " for " + r.ByHand
	}
	batch := fmt.Sprintf("batch %d of %d", r.Batch, r.Batches)
	switch {
	case r.Ended.IsZero() && r.Doing == lifecycle.Baking:
		return fmt.Sprintf("%s: %s is left alone until %s, then proven once more", text, batch, c.when(r.Until))
	case r.Ended.IsZero():
		return fmt.Sprintf("%s: %s, %s", text, batch, strings.ReplaceAll(string(r.Doing), "-", " "))
	case r.Undone:
		return fmt.Sprintf("%s, undone at %s after batch %d of %d: %s", text, c.when(r.Ended), r.Failed, r.Batches, r.Why)
	case r.Failed > 0:
		return fmt.Sprintf("%s, stopped at %s after batch %d of %d: %s", text, c.when(r.Ended), r.Failed, r.Batches, r.Why)
	}
	return fmt.Sprintf("%s ended at %s: %s", text, c.when(r.Ended), r.Outcome)
}

// printRollout shows target by target what is under way, or what went otherwise
// than at once and well.
func (c *cli) printRollout(v view) error {
	r := v.Rollout
	if r == nil || !r.Ended.IsZero() && r.Batches < 2 && r.Outcome == lifecycle.Proven {
		return nil
	}
	head := "Last rollout"
	if r.Ended.IsZero() {
		head = "Rollout"
	}
	c.say("\n%s: %s", head, clean(c.rolloutInWords(*r), 0))
	t := table{head: []string{"TARGET", "BATCH", "STAGE", "SINCE", "CAUSE"}}
	for _, s := range r.Targets {
		batch := fmt.Sprint(s.Batch)
		if s.Canary {
			batch += " (canary)"
		}
		t.add(clean(s.Where(), 0), batch, clean(string(s.Stage), 0), c.when(s.Since), clean(s.Cause, 0))
		t.color(2, stageHue(s.Stage))
	}
	return t.write(c.out, "", c.paint)
}

func stageHue(s lifecycle.Stage) string {
	switch s {
	case lifecycle.StageProven:
		return green
	case lifecycle.StageRefused, lifecycle.StageDoubtful:
		return red
	case lifecycle.StageBehind, lifecycle.StageUnseen, lifecycle.StageRestored:
		return yellow
	}
	return ""
}
