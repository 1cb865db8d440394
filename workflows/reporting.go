package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// SignalReported carries a Report from a certificate to the import that enrolled it.
const SignalReported = "reported"

// Report is how a certificate stands that an import enrolled. Severity is empty
// where no threshold was passed.
type Report struct {
	Name     string         `json:"name"`
	Owner    string         `json:"owner,omitempty"`
	Team     string         `json:"team,omitempty"`
	Severity alert.Severity `json:"severity,omitempty"`
	NotAfter time.Time      `json:"notAfter,omitzero"`
	Held     bool           `json:"held,omitempty"` // its first notice waits for the summary
}

// SignalSummarized carries a Summarized from an import to a certificate.
const SignalSummarized = "summarized"

// Summarized says what became of the summary for the owner of a certificate.
type Summarized struct {
	Import string   `json:"import"`
	To     []string `json:"to,omitempty"`    // "minji by slack"; empty: nobody was reached
	Kinds  []string `json:"kinds,omitempty"` // of channel
	Cause  string   `json:"cause,omitempty"` // why nobody was reached
}

// report tells the import how the certificate stands. One that is not there any
// more sums nothing up.
func (c *certificate) report(ctx workflow.Context, d lifecycle.Decision) {
	s, id := c.State.Spec, c.State.Import.ID
	r := Report{Name: s.Name, Owner: s.Owner, Team: s.Team}
	if t := d.Step.Standing; t != nil {
		r.Severity, r.NotAfter, r.Held = t.Severity, c.State.Live.NotAfter, t.Held
	}
	if a := d.Step.Alert; a != nil {
		c.note(ctx, entry{Kind: "held", Text: fmt.Sprintf("%s %s is told in the summary of %s, at the latest by itself at %s", a.Severity, a.Reason, id, clock(a.NextAt)), Details: map[string]string{"alert": a.ID}})
	}
	workflow.GoNamed(ctx, "report", func(ctx workflow.Context) {
		err := workflow.SignalExternalWorkflow(ctx, id, "", SignalReported, r).Get(ctx, nil)
		c.State.Reported(workflow.Now(ctx), err == nil)
		c.changed()
	})
}

// summarized takes in that the import told people, or could not.
func (c *certificate) summarized(ctx workflow.Context, in Summarized) {
	now := workflow.Now(ctx)
	if len(in.To) == 0 {
		for _, a := range c.State.Release(now, in.Import) {
			c.note(ctx, entry{Kind: "delivered", Text: fmt.Sprintf("the summary of %s reached nobody, so %s is told by itself; failed: %s", in.Import, a.Reason, in.Cause), Details: map[string]string{"alert": a.ID}})
		}
		c.changed()
		return
	}
	for _, a := range c.State.Summarized(now, in.Import, in.Kinds) {
		c.note(ctx, entry{Kind: "told", Text: fmt.Sprintf("%s %s: told in the summary of %s, to %s", a.Severity, a.Reason, in.Import, strings.Join(in.To, ", ")), Details: map[string]string{"alert": a.ID}})
	}
	c.changed()
}
