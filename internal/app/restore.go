package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/workflows"
)

// What Restore finds in place of a workflow that was ended.
var (
	ErrGuarded = errors.New("its workflow runs")
	ErrRetired = errors.New("it was retired")
)

// Restore begins the workflow of a certificate again. Where it was ended from
// outside the engine resets it to its last step, with everything that it knew, and
// gives it the messages that came after. Where the engine has lost it a worker
// begins it with what the store keeps; kept is of when that is.
func Restore(ctx context.Context, c client.Client, t config.Temporal, name string, r workflows.Request) (kept time.Time, err error) {
	id := workflows.WorkflowID(name)
	d, err := c.DescribeWorkflowExecution(ctx, id, "")
	if missing := (*serviceerror.NotFound)(nil); errors.As(err, &missing) {
		out, err := workflows.Restore(ctx, c, t.TaskQueue, workflows.RestorationInput{Name: name, Request: r})
		return out.Kept, err
	}
	if err != nil {
		return kept, err
	}
	x := d.GetWorkflowExecutionInfo()
	switch x.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return kept, ErrGuarded
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return kept, ErrRetired
	}
	return kept, reset(ctx, c, t.Namespace, x, r)
}

// reset has a run go on from its last step.
func reset(ctx context.Context, c client.Client, namespace string, x *workflowpb.WorkflowExecutionInfo, r workflows.Request) error {
	id := x.GetExecution().GetWorkflowId()
	at, err := resetPoint(ctx, c, namespace, id, x.GetExecution().GetRunId())
	if err != nil {
		return err
	}
	_, err = c.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: namespace, WorkflowExecution: x.GetExecution(), WorkflowTaskFinishEventId: at, RequestId: r.ID,
		Reason: fmt.Sprintf("restored by %s", r.By),
	})
	if err != nil {
		return fmt.Errorf("reset its workflow: %w", err)
	}
	return c.SignalWorkflow(ctx, id, "", workflows.SignalRestored, r)
}

// resetPoint is the last task that was completed; where none was, the first.
func resetPoint(ctx context.Context, c client.Client, namespace, id, run string) (int64, error) {
	var first int64
	last, err := latest(ctx, c, namespace, id, run, func(e *historypb.HistoryEvent) bool {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED {
			first = e.GetEventId() + 1
		}
		return e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("read its history: %w", err)
	case last != nil:
		return last.GetEventId(), nil
	case first == 0:
		return 0, errors.New("its workflow was ended before its first step; enroll it again")
	}
	return first, nil
}

func execution(id, run string) *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: id, RunId: run}
}
