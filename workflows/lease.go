package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// leasePatience is how long a run waits for room at the CA itself; what waits
// longer is state of the certificate.
const leasePatience = 2 * time.Minute

// lease gets the right to place one order. A CA without limits is asked without
// ado. An outcome means that the renewal has to wait.
func (r *renewal) lease(ctx workflow.Context, in activities.IssueInput, terms *activities.Terms) *RenewalOutput {
	if terms == nil || !terms.Limited {
		return nil
	}
	ask := activities.LeaseInput{IssueInput: in, Account: terms.Account, Token: workflow.GetInfo(ctx).WorkflowExecution.RunID, SafeBy: r.in.SafeBy, InWindow: r.in.InWindow}
	until := workflow.Now(ctx).Add(leasePatience)
	for {
		var g budget.Grant
		if err := workflow.ExecuteActivity(quick(ctx, "lease: may an order be placed at "+in.CA+" now?"), hands.Lease, ask).Get(ctx, &g); err != nil {
			return r.failed(ctx, err)
		}
		if g.Granted {
			return nil
		}
		if g.At.After(until) {
			return &RenewalOutput{Kind: string(lifecycle.Waiting), Cause: fmt.Sprintf("CA %s: %s", in.CA, g.Why), RetryAt: g.At, At: workflow.Now(ctx)}
		}
		r.tell(ctx, "waiting for room at "+code(in.CA))
		summary := fmt.Sprintf("sleep until %s: the CA has room then", clock(g.At))
		_ = workflow.NewTimerWithOptions(ctx, max(g.At.Sub(workflow.Now(ctx)), time.Second), workflow.TimerOptions{Summary: brief(summary)}).Get(ctx, nil)
	}
}

// report tells the CA's account what it has to know of an order: that the CA is
// down or named a date, that a validation failed, or that the CA answers again.
func (r *renewal) report(ctx workflow.Context, in activities.IssueInput, terms *activities.Terms, err error, out *RenewalOutput) {
	if terms == nil {
		return
	}
	tell := activities.ReportInput{IssueInput: in, Account: terms.Account, SafeBy: r.in.SafeBy}
	if err != nil {
		tell.Failure, tell.Cause = activities.FailureOf(err)
	}
	away := out != nil && out.Kind == string(lifecycle.CAUnavailable)
	failed := out != nil && out.Kind == string(lifecycle.ValidationFailed) && terms.Limited
	if !away && !failed && (!r.in.Canary || tell.Failure.Own || tell.Failure.Silent) {
		return
	}
	told := workflow.ExecuteActivity(quick(ctx, "tell the account at "+in.CA+" how the order ended"), hands.ReportOrder, tell).Get(ctx, nil)
	if away {
		out.Watched = told == nil
	}
}
