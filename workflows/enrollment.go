package workflows

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// EnrollmentInput is a request to enrol a certificate, or to change the spec of one.
type EnrollmentInput struct {
	activities.AdmitRequest
	// Within is how long after its start somebody waits for the answer: what is
	// admitted later is refused, for its sender was told so. Zero: for ever.
	Within time.Duration `json:"within,omitempty"`
}

// EnrollmentOutput is the admitted spec.
type EnrollmentOutput struct {
	Spec lifecycle.Spec `json:"spec"`
}

// EnrollmentID serialises the enrolments of one name.
func EnrollmentID(name string) string { return "enrollment/" + name }

// EnrollmentWorkflow refuses at the door what cannot work, claims the places
// and starts the certificate's entity. A change is admitted here and then sent
// as set-spec by the caller. A refusal is a non-retryable error of type
// "Refused", and nothing is half done.
func (w *Workflows) EnrollmentWorkflow(ctx workflow.Context, in EnrollmentInput) (EnrollmentOutput, error) {
	var admitted activities.Admitted
	err := workflow.ExecuteActivity(quick(ctx, "admit "+in.Name), hands.Admit, in.AdmitRequest).Get(ctx, &admitted)
	if err != nil {
		f, text := activities.FailureOf(err)
		return in.refuse(ctx, text, f)
	}
	if waited := workflow.Now(ctx).Sub(workflow.GetInfo(ctx).WorkflowStartTime); in.Within > 0 && waited > in.Within {
		return in.refuse(ctx, fmt.Sprintf("no worker admitted %s within %s, and nobody waits for it any more; enroll it again", in.Name, lifecycle.FormatDuration(in.Within)))
	}
	spec, err := specOf(in.AdmitRequest, admitted)
	if err != nil {
		return in.refuse(ctx, fmt.Sprintf("%s: %v", in.Name, err))
	}
	if in.Change {
		return EnrollmentOutput{Spec: spec}, nil
	}
	entity := Entity{Sequence: admitted.Sequence, State: lifecycle.State{Spec: spec, EnrolledAt: workflow.Now(ctx).UTC(), EnrolledBy: in.By, TellsDrift: true}}
	err = w.guard(ctx, entity).Get(ctx, nil)
	if alreadyEnrolled(err) {
		return EnrollmentOutput{}, temporal.NewNonRetryableApplicationError(enrolledBefore(in.Name), refused, nil)
	}
	if err != nil {
		return in.refuse(ctx, fmt.Sprintf("%s could not be started: %v", in.Name, err))
	}
	return EnrollmentOutput{Spec: spec}, nil
}

// specOf is what an admitted request asks for.
func specOf(in activities.AdmitRequest, admitted activities.Admitted) (spec lifecycle.Spec, err error) {
	spec = lifecycle.Spec{
		Name: in.Name, Names: in.Names, Managed: in.Managed, Environment: in.Environment, Owner: in.Owner, Team: in.Team, Note: in.Note,
		CA: in.CA, FallbackCAs: in.FallbackCAs, KeyType: in.KeyType, ReuseKey: in.ReuseKey, Profile: in.Profile, Challenge: in.Challenge, DNS: in.DNS, Targets: in.Targets, Endpoints: in.Endpoints,
		Supplied: admitted.Supplied && in.Managed, AcceptIrreversible: in.AcceptIrreversible && in.Managed, CSR: admitted.CSR,
	}
	if spec.CSR != nil {
		spec.KeyType = cert.KeyType(spec.CSR.KeyAlgorithm)
	}
	if spec.Names, err = cert.ParseNames(in.Names); err == nil && in.Managed && spec.CSR == nil {
		spec.KeyType, err = cert.ParseKeyType(string(cmp.Or(in.KeyType, admitted.KeyType)))
	}
	if err == nil {
		err = json.Unmarshal(admitted.Policy, &spec.Policy)
	}
	spec.PolicyHash = spec.Policy.Hash()
	return spec, err
}

// guard starts the entity of a certificate; it outlives whoever started it.
func (w *Workflows) guard(ctx workflow.Context, e Entity) workflow.Future {
	e.Shown = &lifecycle.Attributes{}
	return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            WorkflowID(e.State.Spec.Name),
		StaticSummary:         brief(enrolledText(e.State.Spec)),
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}), w.CertificateWorkflow, e).GetChildWorkflowExecution()
}

func alreadyEnrolled(err error) bool {
	var started *temporal.ChildWorkflowExecutionAlreadyStartedError
	return errors.As(err, &started)
}

func enrolledBefore(name string) string {
	return name + " is already enrolled; see it by: neverlapse status " + name
}

// refuse ends an enrolment. A try of which nobody heard may have claimed places;
// they are given up.
func (in EnrollmentInput) refuse(ctx workflow.Context, text string, details ...any) (EnrollmentOutput, error) {
	if !in.Change {
		_ = workflow.ExecuteActivity(quick(ctx, "give up what was claimed for "+in.Name), hands.Abandon, in.Name).Get(ctx, nil)
	}
	return EnrollmentOutput{}, temporal.NewNonRetryableApplicationError(text, refused, nil, details...)
}
