package workflows

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Enroll runs an enrolment to its end, or until ctx ends. Only one of a name goes
// on at a time: another is a serviceerror.WorkflowExecutionAlreadyStarted.
func Enroll(ctx context.Context, c client.Client, taskQueue string, in EnrollmentInput) (EnrollmentOutput, error) {
	var out EnrollmentOutput
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: EnrollmentID(in.Name), TaskQueue: taskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary: "enroll " + in.Name + " for " + in.By,
	}, (&Workflows{}).EnrollmentWorkflow, in)
	if err == nil {
		err = run.Get(ctx, &out)
	}
	return out, err
}

// RefusedText is why an enrolment or a restoration was refused; empty if err is something else.
func RefusedText(err error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.Type() == refused {
		return app.Message()
	}
	return ""
}
