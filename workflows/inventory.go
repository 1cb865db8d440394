package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// SignalWindow carries a Suggestion: the CA's window for a version is another
// than the certificate knows.
const SignalWindow = "window"

// Suggestion is when the CA would have a version renewed (RFC 9773).
type Suggestion struct {
	Fingerprint cert.Fingerprint `json:"fingerprint"`
	Window      cert.Window      `json:"window"`
}

// The kinds of inventory.
const RenewalInfo = "renewal-info"

// InventoryID is the ID of the schedule of a kind, and begins those of its runs.
func InventoryID(kind string) string { return "inventory/" + kind }

// InventoryInput is where a batch begins or goes on.
type InventoryInput struct {
	Kind string          `json:"kind"`
	Page []byte          `json:"page,omitempty"`
	Sum  InventoryOutput `json:"sum,omitzero"` // of the pages before
}

// InventoryOutput sums a batch up.
type InventoryOutput struct {
	Members int `json:"members"`
	Asked   int `json:"asked"` // of how many a CA was asked; the others were not due
	Moved   int `json:"moved"` // how many were signalled
	Refused int `json:"refused"`
	// Past counts, by CA, the certificates whose window is past.
	Past []activities.Pulled `json:"past,omitempty"`
}

// InventoryWorkflow goes through the fleet page by page, as a schedule has it,
// and signals only the certificates for which something changed: watching costs
// with change and not with number.
func (w *Workflows) InventoryWorkflow(ctx workflow.Context, in InventoryInput) (InventoryOutput, error) {
	for page := 1; ; page++ {
		var p activities.Polled
		summary := fmt.Sprintf("ask the CAs when to renew, page %d", page)
		if err := workflow.ExecuteActivity(batch(ctx, summary), hands.PollRenewalInfo, activities.PollInput{Page: in.Page}).Get(ctx, &p); err != nil {
			return in.Sum, err
		}
		suggest(ctx, p.Moved)
		in.Page = p.Next
		in.Sum.Members += p.Members
		in.Sum.Asked += p.Asked
		in.Sum.Moved += len(p.Moved)
		in.Sum.Refused += len(p.Refused)
		for _, pulled := range p.Past {
			in.Sum.Past = activities.Add(in.Sum.Past, pulled)
		}
		workflow.SetCurrentDetails(ctx, in.Sum.details(p.Refused))
		switch {
		case len(in.Page) == 0:
			in.Sum.report(ctx)
			return in.Sum, nil
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			return in.Sum, workflow.NewContinueAsNewError(ctx, w.InventoryWorkflow, in)
		}
	}
}

// report tells the accounts how many of their certificates the CA wants renewed
// at once, and, once, that there are none any more.
func (s InventoryOutput) report(ctx workflow.Context) {
	var before InventoryOutput
	if workflow.HasLastCompletionResult(ctx) {
		_ = workflow.GetLastCompletionResult(ctx, &before)
	}
	all := slices.Clone(s.Past)
	for _, p := range before.Past {
		all = activities.Add(all, activities.Pulled{CA: p.CA})
	}
	for _, p := range all {
		summary := fmt.Sprintf("tell the account at %s that %d windows are past", p.CA, p.Count)
		_ = workflow.ExecuteActivity(quick(ctx, summary), hands.ReportPulled, p).Get(ctx, nil)
	}
}

func (s InventoryOutput) details(refused []string) string {
	text := fmt.Sprintf("%d certificates, of %d a CA was asked, %d windows moved, %d answers were of no use\n", s.Members, s.Asked, s.Moved, s.Refused)
	for _, r := range refused {
		text += "\n- " + code(r)
	}
	return text
}

// suggest tells the certificates. One that was retired meanwhile needs no window,
// and one that could not be told is told by the next batch.
func suggest(ctx workflow.Context, moved []activities.Moved) {
	var sent []workflow.Future
	for _, m := range moved {
		sent = append(sent, workflow.SignalExternalWorkflow(ctx, WorkflowID(m.Name), "", SignalWindow, Suggestion{Fingerprint: m.Fingerprint, Window: m.Window}))
	}
	for _, f := range sent {
		_ = f.Get(ctx, nil)
	}
}
