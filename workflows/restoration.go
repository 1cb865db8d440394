package workflows

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// RestorationInput asks to begin the workflow of a lost certificate again.
type RestorationInput struct {
	Name string `json:"name"`
	Request
}

// RestorationOutput tells of when what it began with is.
type RestorationOutput struct {
	Kept time.Time `json:"kept"`
}

// Restore runs a restoration to its end, or until ctx ends. It goes on beside no
// enrolment and no other restoration of the name: then it is a
// serviceerror.WorkflowExecutionAlreadyStarted.
func Restore(ctx context.Context, c client.Client, taskQueue string, in RestorationInput) (RestorationOutput, error) {
	var out RestorationOutput
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: EnrollmentID(in.Name), TaskQueue: taskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary: "restore " + in.Name + " for " + in.By,
	}, (&Workflows{}).RestorationWorkflow, in)
	if err == nil {
		err = run.Get(ctx, &out)
	}
	return out, err
}

// RestorationWorkflow begins the workflow of a certificate that the engine lost
// again, with what the store keeps of it. Nothing is issued or deployed for that:
// it first looks at what is served. What is guarded, or was retired, is refused
// with a non-retryable error of type "Refused", and nothing is half done.
func (w *Workflows) RestorationWorkflow(ctx workflow.Context, in RestorationInput) (RestorationOutput, error) {
	var kept activities.Revived
	if err := workflow.ExecuteActivity(quick(ctx, "what the store keeps of "+in.Name), hands.Revive, in.Name).Get(ctx, &kept); err != nil {
		return notRestored(err)
	}
	var state lifecycle.State
	if err := json.Unmarshal(kept.Snapshot.State, &state); err != nil || state.Spec.Name != in.Name {
		return RestorationOutput{}, temporal.NewNonRetryableApplicationError(fmt.Sprintf("what the store keeps of %s is not of a certificate of that name, or of a newer release (%v); enroll it again", in.Name, err), refused, nil)
	}
	claim := activities.ClaimInput{Name: in.Name, Targets: state.Spec.Targets}
	claimed := workflow.ExecuteActivity(quick(ctx, "hold the places of "+in.Name), hands.Claim, claim).Get(ctx, nil)
	if claimed != nil {
		if f, _ := activities.FailureOf(claimed); f.Kind == activities.Conflict {
			return notRestored(claimed)
		}
	}
	now := workflow.Now(ctx).UTC()
	state.Restore(now, kept.Live)
	e := Entity{State: state, Begun: true, Sequence: kept.Sequence + 1, Unclaimed: claimed != nil}
	e.Unread = []cert.Entry{{
		Sequence: e.Sequence, At: now, Kind: "restored", By: in.By, Via: in.Via, Note: cut(in.Note, keepText),
		Text: "the engine had lost the workflow; it goes on as the store kept it at " + clock(kept.Snapshot.At),
	}}
	err := w.guard(ctx, e).Get(ctx, nil)
	if alreadyEnrolled(err) {
		err = temporal.NewNonRetryableApplicationError(in.Name+" is guarded; see it by: neverlapse status "+in.Name, refused, nil, activities.Failure{Kind: activities.Conflict})
	}
	return RestorationOutput{Kept: kept.Snapshot.At}, err
}

// notRestored refuses for what an activity said.
func notRestored(err error) (RestorationOutput, error) {
	f, text := activities.FailureOf(err)
	return RestorationOutput{}, temporal.NewNonRetryableApplicationError(text, refused, nil, f)
}
