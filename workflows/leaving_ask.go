package workflows

import (
	"context"
	"errors"
	"strings"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// AnswerHandover accepts or declines what a person leaves behind. A refusal is a
// lifecycle.Refusal.
func AnswerHandover(ctx context.Context, c client.Client, person string, in HandoverAnswerRequest) (Taken, error) {
	var out Taken
	h, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		UpdateID: in.ID, WorkflowID: HandoverID(person), UpdateName: HandoverAnswer, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = h.Get(ctx, &out)
	}
	if err = refusal(HandoverID(person), err); errors.Is(err, ErrNotEnrolled) {
		err = lifecycle.Refusal{Text: "no handover of " + person + " is under way"}
	}
	return out, err
}

// AskHandover tells how the latest handover of a person stands, or how it ended;
// ErrNotEnrolled if there is none.
func AskHandover(ctx context.Context, c client.Client, person string) (HandoverStatus, error) {
	var out HandoverStatus
	v, err := c.QueryWorkflow(ctx, HandoverID(person), "", QueryHandover)
	if err != nil {
		return out, refusal(HandoverID(person), err)
	}
	return out, v.Get(&out)
}

// AskHandovers asks every handover that is under way. It gives those that
// answered beside an error.
func AskHandovers(ctx context.Context, c client.Client, namespace string) ([]HandoverStatus, error) {
	var out []HandoverStatus
	var errs []error
	for token := []byte(nil); ; {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, Query: "WorkflowType = 'HandoverWorkflow' AND ExecutionStatus = 'Running'", NextPageToken: token,
		})
		if err != nil {
			return out, err
		}
		for _, e := range page.GetExecutions() {
			s, err := AskHandover(ctx, c, strings.TrimPrefix(e.GetExecution().GetWorkflowId(), HandoverID("")))
			switch {
			case err == nil:
				out = append(out, s)
			case !errors.Is(err, ErrNotEnrolled):
				errs = append(errs, err)
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return out, errors.Join(errs...)
		}
	}
}
