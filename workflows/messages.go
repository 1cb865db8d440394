package workflows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// Update is a validated message whose sender is answered. In and Out are its
// wire contract.
type Update[In, Out any] struct{ Name, Description string }

// The updates of a certificate. Each is refused with a reason that a human can
// act on, or taken at once; the loop acts on it afterwards.
var (
	Acknowledge = Update[AcknowledgeRequest, AnswerResult]{"acknowledge", "Somebody has it: people are quiet until it lapses"}
	Snooze      = Update[SnoozeRequest, AnswerResult]{"snooze", "Quiet until a date, at the latest the last safe moment"}
	TakeOver    = Update[TakeOverRequest, AnswerResult]{"take-over", "Who asks owns it from now on, and has every alert that fires"}
	Reassign    = Update[ReassignRequest, Taken]{"reassign", "Others own it from now on, and are told of every alert that fires"}
	RenewNow    = Update[RenewRequest, Taken]{"renew-now", "Renew or deploy again at once"}
	ObserveNow  = Update[Request, Taken]{"observe-now", "Look at every place at once"}
	RollBack    = Update[RollBackRequest, Taken]{"roll-back", "Deploy the previous or a stated version"}
	Deploy      = Update[DeployRequest, Taken]{"deploy", "Deploy the live or a stated version again, to all or to stated targets"}
	Revoke      = Update[RevokeRequest, Taken]{"revoke", "Have the CA revoke a version, for a stated reason"}
	Supply      = Update[SupplyRequest, Taken]{"supply", "Deploy the version that somebody ordered and brought"}
	SetSpec     = Update[SetSpecRequest, Taken]{"set-spec", "Replace what was asked for"}
	SetPolicy   = Update[SetPolicyRequest, Changed]{"set-policy", "Carry the policy of the same name as the configuration has it now"}
	PauseUntil  = Update[PauseRequest, Taken]{"pause", "No renewal until a date; alerts go on"}
	Resume      = Update[Request, Taken]{"resume", "End a pause or a hold, and give a spent budget back"}
	Approve     = Update[DecideRequest, Taken]{"approve", "What waits for approval may begin"}
	Deny        = Update[DecideRequest, Taken]{"deny", "What waits for approval may not begin; alerts go on"}
	Retire      = Update[RetireRequest, Taken]{"retire", "Stop guarding the certificate"}
)

// SignalAcknowledge is acknowledge for senders that cannot wait for a worker;
// the payload is an AcknowledgeRequest.
const SignalAcknowledge = "acknowledge"

// SignalObserved carries []cert.Observation from a scanner that saw a change.
const SignalObserved = "observed"

// QueryStatus asks a certificate for its Status.
const QueryStatus = "status"

// Request says who asks. ID makes the same request count once, however often
// and by whatever way it arrives.
type Request struct {
	ID   string `json:"id,omitempty"`
	By   string `json:"by"`
	Via  string `json:"via,omitempty"`
	Note string `json:"note,omitempty"`
	// Of is whose the certificate was when who asks was found to be allowed; if it
	// has passed to others since, the request is refused. nil: nobody looked.
	Of *lifecycle.Ownership `json:"of,omitempty"`
}

// AcknowledgeRequest takes one alert, or all that fire when Alert is empty. Seen
// is the standing of that alert as the person saw it: with another one the
// update is refused, so that two who answer at once hear of each other.
type AcknowledgeRequest struct {
	Request
	Alert string        `json:"alert,omitempty"`
	Seen  string        `json:"seen,omitempty"`
	For   time.Duration `json:"for,omitempty"`
}

// SnoozeRequest quiets until an instant. Seen is as in AcknowledgeRequest.
type SnoozeRequest struct {
	Request
	Alert string    `json:"alert,omitempty"`
	Seen  string    `json:"seen,omitempty"`
	Until time.Time `json:"until"`
}

// TakeOverRequest makes By the owner. Alert is the one that made the person do
// it, if any, and Seen is as in AcknowledgeRequest; all that fire are
// acknowledged, for as long as For says.
type TakeOverRequest struct {
	Request
	Alert string        `json:"alert,omitempty"`
	Seen  string        `json:"seen,omitempty"`
	For   time.Duration `json:"for,omitempty"`
}

// ReassignRequest gives the certificate to an owner, a team or both; what is
// empty stays as it is. Alert and Seen are as in TakeOverRequest.
type ReassignRequest struct {
	Request
	Alert string `json:"alert,omitempty"`
	Seen  string `json:"seen,omitempty"`
	Owner string `json:"owner,omitempty"`
	Team  string `json:"team,omitempty"`
	// TeamAlone: no person owns it any more.
	TeamAlone bool `json:"teamAlone,omitempty"`
}

// AnswerResult tells what an answer did.
type AnswerResult struct {
	Alerts []string  `json:"alerts"`
	Until  time.Time `json:"until"`
	Text   string    `json:"text"`
}

// Taken tells what will follow.
type Taken struct {
	Text string `json:"text"`
}

// RenewRequest asks for a renewal; New discards a candidate.
type RenewRequest struct {
	Request
	New            bool `json:"new,omitempty"`
	OverrideFreeze bool `json:"overrideFreeze,omitempty"`
}

// RollBackRequest asks for a version; empty means the previous one.
type RollBackRequest struct {
	Request
	To cert.Fingerprint `json:"to,omitempty"`
}

// DeployRequest asks for a version on targets; an empty one means the live
// version, no targets mean all.
type DeployRequest struct {
	Request
	Version        cert.Fingerprint `json:"version,omitempty"`
	Targets        []string         `json:"targets,omitempty"`
	OverrideFreeze bool             `json:"overrideFreeze,omitempty"`
}

// RevokeRequest asks for the end of a version; an empty one means the live one.
type RevokeRequest struct {
	Request
	Version cert.Fingerprint      `json:"version,omitempty"`
	Reason  cert.RevocationReason `json:"reason,omitempty"`
	Reissue bool                  `json:"reissue,omitempty"`
	Now     bool                  `json:"now,omitempty"`
	Force   bool                  `json:"force,omitempty"`
	Cancel  bool                  `json:"cancel,omitempty"`
	// OverrideFreeze is for Reissue.
	OverrideFreeze bool `json:"overrideFreeze,omitempty"`
}

// SupplyRequest names a version that the store has as the candidate.
type SupplyRequest struct {
	Request
	Version cert.Version `json:"version"`
}

// SetSpecRequest carries an admitted spec.
type SetSpecRequest struct {
	Request
	Spec lifecycle.Spec `json:"spec"`
}

// SetPolicyRequest carries the policy of a configuration that changed.
type SetPolicyRequest struct {
	Request
	Policy lifecycle.Policy `json:"policy"`
}

// Changed tells whether an update changed anything.
type Changed struct {
	Changed bool   `json:"changed"`
	Text    string `json:"text"`
}

// PauseRequest needs an end and a reason (Note).
type PauseRequest struct {
	Request
	Until time.Time `json:"until"`
}

// RetireRequest ends the guard; Force where the certificate is still served.
type RetireRequest struct {
	Request
	Force bool `json:"force,omitempty"`
}

func (r Request) request() Request { return r }

// requestOf finds who asks; every update carries it.
func requestOf(in any) Request {
	if r, ok := in.(interface{ request() Request }); ok {
		return r.request()
	}
	return Request{}
}

// WorkflowID is the ID of a certificate's entity.
func WorkflowID(name string) string { return "certificate/" + name }

// ErrNotEnrolled is the cause of a call to a certificate without an entity.
var ErrNotEnrolled = errors.New("not enrolled")

// Call sends the update to a certificate and waits for its answer. A refusal
// is a lifecycle.Refusal; a certificate that is not there is ErrNotEnrolled.
func (u Update[In, Out]) Call(ctx context.Context, c client.Client, name string, in In) (Out, error) {
	var out Out
	h, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		UpdateID: requestOf(in).ID, WorkflowID: WorkflowID(name), UpdateName: u.Name, Args: []any{in},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = h.Get(ctx, &out)
	}
	return out, refusal(name, err)
}

// NotEnrolled is ErrNotEnrolled where that is why a certificate could not be
// asked, and the error as it is else.
func NotEnrolled(name string, err error) error { return refusal(name, err) }

func refusal(name string, err error) error {
	var missing *serviceerror.NotFound
	var app *temporal.ApplicationError
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("%s: %w", name, ErrNotEnrolled)
	case errors.As(err, &app) && app.Type() == refused:
		return lifecycle.Refusal{Text: app.Message()}
	}
	return err
}

const refused = "Refused"

// handle registers a handler that never blocks, with its validator.
func handle[In, Out any](ctx workflow.Context, c *certificate, u Update[In, Out], take func(workflow.Context, In) Out, check func(workflow.Context, In) error) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, u.Name,
		func(ctx workflow.Context, in In) (Out, error) { return take(ctx, in), nil },
		workflow.UpdateHandlerOptions{Description: u.Description, Validator: func(ctx workflow.Context, in In) error {
			if err := c.may(requestOf(in), func() error { return check(ctx, in) }); err != nil {
				return temporal.NewNonRetryableApplicationError(err.Error(), refused, nil)
			}
			return nil
		}})
}
