package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The ways to run an activity, by situation. Each is bounded: whatever waits
// longer is state of the certificate.

// quick: our own store and directory, or one look at the world.
func quick(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                summary,
		StartToCloseTimeout:    30 * time.Second,
		ScheduleToCloseTimeout: 2 * time.Minute,
		HeartbeatTimeout:       10 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, MaximumInterval: 10 * time.Second},
	})
}

// recording: the journal may be out of reach for a while; what is not written is kept.
func recording(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                summary,
		StartToCloseTimeout:    15 * time.Second,
		ScheduleToCloseTimeout: 10 * time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}

// notification: a channel is tried for a while, then another kind of channel is the way.
func notification(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                summary,
		StartToCloseTimeout:    15 * time.Second,
		ScheduleToCloseTimeout: 90 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, MaximumInterval: 15 * time.Second},
	})
}

// issuance: transport faults only, for minutes.
func issuance(ctx workflow.Context, summary string, budget time.Duration) workflow.Context {
	return bounded(ctx, summary, min(budget, 5*time.Minute))
}

// deployment: the same for a target on this task queue's hosts.
func deployment(ctx workflow.Context, summary string, budget time.Duration) workflow.Context {
	return bounded(ctx, summary, min(budget, 3*time.Minute))
}

func bounded(ctx workflow.Context, summary string, within time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                summary,
		ScheduleToCloseTimeout: within,
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, MaximumInterval: 20 * time.Second},
	})
}

// attempt: the child of one renewal, deployment or roll-back.
func attempt(ctx workflow.Context, id, summary string, timeout time.Duration) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:               id,
		StaticSummary:            summary,
		WorkflowExecutionTimeout: timeout,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:        enumspb.PARENT_CLOSE_POLICY_ABANDON,
	})
}
