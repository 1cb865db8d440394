package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// full reports whether this run should hand over: a version was replaced, or
// the history has grown long. It follows from what was recorded.
func (c *certificate) full(ctx workflow.Context, d lifecycle.Decision) bool {
	live := cert.Fingerprint(d.Attributes.Fingerprint)
	if c.began == "" { // the first version that becomes known replaces none
		c.began = live
	}
	return live != c.began || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// presses tells what is begun even while handing over: a page, and what the
// brain puts before it.
func presses(d lifecycle.Decision) bool {
	switch d.Step.Kind {
	case lifecycle.StepLook, lifecycle.StepClose:
		return true
	case lifecycle.StepTell:
		return d.Step.Alert.Severity == alert.P1
	}
	return false
}

func (c *certificate) atRest(ctx workflow.Context) bool {
	return len(c.State.Flights) == 0 && c.telling == 0 && !c.recording && !c.claiming && workflow.AllHandlersFinished(ctx)
}

func (c *certificate) continueAsNew(ctx workflow.Context, d lifecycle.Decision) error {
	c.show(ctx, d)
	c.drain(ctx)
	c.Runs++
	c.Shown, c.State.TellsDrift = &c.shown, true
	return workflow.NewContinueAsNewError(ctx, c.CertificateWorkflow, c.Entity)
}

// finish writes the last entries and gives up the places.
func (c *certificate) finish(ctx workflow.Context, d lifecycle.Decision) error {
	c.show(ctx, d)
	o := c.State.Retire
	c.note(ctx, entry{Kind: "retired", Text: "the certificate is not guarded any more", By: o.By, Via: o.Via, Note: o.Note})
	_ = workflow.Await(ctx, func() bool { return !c.recording && !c.claiming })
	for len(c.Unread) > 0 {
		in := c.unwritten(ctx)
		c.insist(ctx, "write the last journal entries", hands.Record, in)
		c.written(in, activities.Recorded{})
	}
	c.insist(ctx, "give up the claimed places", hands.Release, c.State.Spec.Name)
	return nil
}

// insist repeats what must not be left undone, however long it takes.
func (c *certificate) insist(ctx workflow.Context, summary string, activity, in any) {
	for workflow.ExecuteActivity(recording(ctx, summary), activity, in).Get(ctx, nil) != nil {
		_ = workflow.NewTimerWithOptions(ctx, journalPause, workflow.TimerOptions{Summary: brief("wait, then " + summary)}).Get(ctx, nil)
	}
}
