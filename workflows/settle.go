package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// leave tells the account of the CA that was tried before that this certificate
// waits for it no more; else an outage there would be tried out with it.
func (r *renewal) leave(ctx workflow.Context, in activities.IssueInput) {
	if r.in.Leaves == "" {
		return
	}
	in.CA = r.in.Leaves
	_ = workflow.ExecuteActivity(quick(ctx, "tell the account at "+in.CA+" that nobody waits for it any more"), hands.Leave, in).Get(ctx, nil)
}

// settle finds out what became of an order at another CA before this one is
// asked. An outcome means that nobody can tell yet; then nothing is ordered.
func (r *renewal) settle(ctx workflow.Context, in activities.IssueInput, ca string) *RenewalOutput {
	r.tell(ctx, "asking "+code(ca)+" what became of its order")
	err := workflow.ExecuteActivity(issuance(ctx, "settle: did the order at "+ca+" lead to a certificate?", r.left(ctx)), hands.Settle, in).Get(ctx, &r.version)
	out := r.failed(ctx, err)
	if out == nil || out.Kind == string(lifecycle.Unknown) || out.Kind == string(lifecycle.StoreUnavailable) {
		return out
	}
	out.Kind, out.CA, out.Elsewhere = string(lifecycle.Unsettled), ca, false
	out.Cause = fmt.Sprintf("CA %s was asked to finalize an order and may have issued; %s is not asked before that is known, so that there are not two certificates (to order all the same, type: neverlapse renew %s --new): %s",
		ca, r.in.CA, r.in.Name, out.Cause)
	return out
}
