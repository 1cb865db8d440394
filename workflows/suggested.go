package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// suggested takes in a window of the CA and tells the journal what follows.
func (c *certificate) suggested(ctx workflow.Context, in Suggestion) {
	if !c.State.Suggested(in.Fingerprint, in.Window) {
		return
	}
	plan := lifecycle.PlanOf(c.State.Live, c.State.Window, c.State.Spec.Policy)
	c.note(ctx, entry{Kind: "window", Text: windowInWords(in.Window, plan), Details: map[string]string{"explanation": in.Window.Explanation}})
	c.changed()
}

func windowInWords(w cert.Window, p lifecycle.Plan) string {
	text := fmt.Sprintf("the CA suggests to renew between %s and %s; ", clock(w.Start), clock(w.End))
	if p.WindowIgnored != "" {
		text += "ignored: it is " + p.WindowIgnored + "; "
	}
	text += "renewal at " + clock(p.RenewAt)
	if w.Explanation != "" {
		text += "; the CA says why at " + w.Explanation
	}
	return text
}

// advise shows the window in the index, so that a poll knows what was told.
func (c *certificate) advise(ctx workflow.Context) {
	var now cert.Window
	if c.State.Window != nil {
		now = *c.State.Window
	}
	if c.advised.Equal(now) {
		return
	}
	c.advised = now
	_ = workflow.UpsertMemo(ctx, map[string]any{"window": Suggestion{Fingerprint: c.State.Live.Fingerprint, Window: now}})
}
