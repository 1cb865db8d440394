package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// The signals about a configuration: a worker refuses it still (Unfit), or the
// file of a worker is good again (Mended).
const (
	SignalUnfit  = "unfit"
	SignalMended = "mended"
)

// RefusedAgain is how often a worker says that it still refuses a configuration.
// Once nobody has said so for refusedSilence, nobody has it any more.
const (
	RefusedAgain   = time.Hour
	refusedSilence = 3*RefusedAgain + 10*time.Minute
)

// Unfit is a content of a worker's configuration that it does not take.
type Unfit struct {
	Worker string `json:"worker"` // name of its machine
	File   string `json:"file"`
	Errors string `json:"errors"` // a line each
}

// Mended says which worker has a file that is good.
type Mended struct {
	Worker string `json:"worker"`
}

// ConfigurationID is the ID of what is told of one content, by its digest: however
// many workers refuse it, people are told once.
func ConfigurationID(digest string) string { return "configuration/" + digest }

// ConfigurationInput is a refused content, and all that one run hands to the next.
type ConfigurationInput struct {
	Unfit
	Since    time.Time       `json:"since,omitzero"`
	Heard    time.Time       `json:"heard,omitzero"` // when a worker last said so
	Receipts []alert.Receipt `json:"receipts,omitempty"`
}

// refusedConfiguration is one run of it.
type refusedConfiguration struct {
	ConfigurationInput
	id       string
	evidence string // what closed it
}

// ConfigurationWorkflow tells the catch-all team that a worker refuses its
// configuration, once, and takes it back when the file is good again.
func (w *Workflows) ConfigurationWorkflow(ctx workflow.Context, in ConfigurationInput) error {
	c := &refusedConfiguration{ConfigurationInput: in, id: workflow.GetInfo(ctx).WorkflowExecution.ID}
	if c.Since.IsZero() {
		c.Since, c.Heard = workflow.Now(ctx).UTC(), workflow.Now(ctx).UTC()
	}
	again, mended := workflow.GetSignalChannel(ctx, SignalUnfit), workflow.GetSignalChannel(ctx, SignalMended)
	for {
		receive(again, func(Unfit) { c.Heard = workflow.Now(ctx).UTC() })
		receive(mended, func(m Mended) { c.evidence = "the worker on " + m.Worker + " read a good one" })
		silent := workflow.Now(ctx).Sub(c.Heard) >= refusedSilence
		switch {
		case c.evidence != "" || silent:
			if c.evidence == "" {
				c.evidence = "no worker has spoken of it since " + clock(c.Heard)
			}
			showOver(ctx, c.notice(ctx, alert.Resolved), c.Receipts)
			return nil
		case !alert.Reached(c.Receipts):
			n := c.notice(ctx, alert.Firing)
			c.Receipts = announce(ctx, n, activities.AddressInput{Question: people.Question{At: workflow.Now(ctx)}, About: alert.Traits{Severity: n.Severity}, Reach: alert.Wide, Last: true}, "the catch-all")
			if alert.Reached(c.Receipts) {
				continue
			}
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			return workflow.NewContinueAsNewError(ctx, w.ConfigurationWorkflow, c.ConfigurationInput)
		}
		c.wait(ctx, again, mended)
	}
}

// wait sleeps until a worker speaks, or none has for too long, or the catch-all
// is tried again.
func (c *refusedConfiguration) wait(ctx workflow.Context, again, mended workflow.ReceiveChannel) {
	left, why := c.Heard.Add(refusedSilence).Sub(workflow.Now(ctx)), "no worker refuses it any more"
	if !alert.Reached(c.Receipts) {
		left, why = min(left, eventRetry), "tell the catch-all again, which was not reached"
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	timer := workflow.NewTimerWithOptions(ctx, left, workflow.TimerOptions{Summary: brief("wait, then " + why)})
	_ = workflow.Await(ctx, func() bool { return timer.IsReady() || again.Len() > 0 || mended.Len() > 0 })
}

func (c *refusedConfiguration) notice(ctx workflow.Context, phase alert.Phase) alert.Notice {
	n := alert.Notice{
		Key: fmt.Sprintf("%s/%d", c.id, c.Since.Unix()), AlertID: c.id, Phase: phase, Severity: alert.P3, Reason: alert.ConfigurationRefused, Reach: alert.Wide,
		Certificate: c.Worker, At: workflow.Now(ctx).UTC(), Cause: c.Errors, Next: alert.NextStep{Kind: "none"},
		Commands: []string{"neverlapse-worker --check --config " + c.File}, Evidence: c.evidence,
	}
	if phase != alert.Firing {
		n.Key += "/" + string(phase)
	}
	return n
}
