package workflows

import (
	"errors"
	"strings"
	"time"
	"unicode"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The ways to run an activity, by situation. Each is bounded: whatever waits
// longer is state of the certificate.

// The longest that one activity may take, by situation.
const (
	quickLimit      = 2 * time.Minute
	orderLimit      = time.Minute // a CA that is down shows itself here first, and people are told
	issuanceLimit   = 5 * time.Minute
	revocationLimit = time.Minute
	deploymentLimit = 3 * time.Minute
	batchLimit      = 10 * time.Minute
	surveyLimit     = 2 * time.Hour    // with its tries; a source that is away for longer ends its run
	lookLimit       = 45 * time.Second // a scanner gives up on an endpoint after 30 s
	inTaskLimit     = time.Second      // the workflow task hears of nothing else meanwhile
)

// quick: our own store and directory.
func quick(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    30 * time.Second,
		ScheduleToCloseTimeout: quickLimit,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, MaximumInterval: 10 * time.Second},
	})
}

// inTask: our own store and directory, in the hands of the worker that has the workflow task.
func inTask(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		Summary:                brief(summary),
		ScheduleToCloseTimeout: inTaskLimit,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// own asks our own store and directory. Within the workflow task that spares the
// engine a task of its own and another of the workflow; what does not end well
// there is an activity like any other. All that is asked this way may be asked again.
func own(ctx workflow.Context, within bool, summary string, activity, in, out any) error {
	if within {
		err := workflow.ExecuteLocalActivity(inTask(ctx, summary), activity, in).Get(ctx, out)
		var said *temporal.ApplicationError
		if err == nil || errors.As(err, &said) && said.NonRetryable() {
			return err
		}
	}
	return workflow.ExecuteActivity(quick(ctx, summary), activity, in).Get(ctx, out)
}

// sight: one look at every place.
func sight(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    lookLimit,
		ScheduleToCloseTimeout: quickLimit,
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, MaximumInterval: 10 * time.Second},
	})
}

// verification: looking until the proof is there, and once more by another worker.
func verification(ctx workflow.Context, summary string, proof time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    proof + lookLimit,
		ScheduleToCloseTimeout: verificationLimit(proof),
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, MaximumInterval: 5 * time.Second},
	})
}

func verificationLimit(proof time.Duration) time.Duration {
	return 2*(proof+lookLimit) + 15*time.Second
}

// probing: one try of a CA that is down; the next is planned.
func probing(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    20 * time.Second,
		ScheduleToCloseTimeout: quickLimit,
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// batch: one page of the fleet, with a CA that may be slow behind it.
func batch(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    batchLimit,
		ScheduleToCloseTimeout: 2 * batchLimit,
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}

// surveying: a stretch of the pages of a source, and again where it was.
func surveying(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    2 * batchLimit,
		ScheduleToCloseTimeout: surveyLimit,
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}

// recording: the journal may be out of reach for a while; what is not written is kept.
func recording(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    15 * time.Second,
		ScheduleToCloseTimeout: 10 * time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}

// notification: a channel is tried for a while, then another kind of channel is the way.
func notification(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    15 * time.Second,
		ScheduleToCloseTimeout: 90 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, MaximumInterval: 15 * time.Second},
	})
}

// oneTry: a message whose arrival is the question.
func oneTry(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		StartToCloseTimeout:    15 * time.Second,
		ScheduleToCloseTimeout: quickLimit,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

// issuance: transport faults only, for minutes.
func issuance(ctx workflow.Context, summary string, left time.Duration) workflow.Context {
	return bounded(ctx, summary, min(left, issuanceLimit))
}

// deployment: the same for a target on this task queue's hosts.
func deployment(ctx workflow.Context, summary string) workflow.Context {
	return bounded(ctx, summary, deploymentLimit)
}

func bounded(ctx workflow.Context, summary string, within time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary:                brief(summary),
		ScheduleToCloseTimeout: within,
		HeartbeatTimeout:       5 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, MaximumInterval: 20 * time.Second},
	})
}

// brief makes a summary one short line without markup: servers bound it, and
// the Web UI renders it.
func brief(summary string) string {
	return cut(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune("`*_[]<>|", r) {
			return ' '
		}
		return r
	}, summary), 180)
}

// attempt: the child of one renewal, deployment or roll-back.
func attempt(ctx workflow.Context, id, summary string, timeout time.Duration) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:               id,
		StaticSummary:            brief(summary),
		WorkflowExecutionTimeout: timeout,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:        enumspb.PARENT_CLOSE_POLICY_ABANDON,
	})
}
