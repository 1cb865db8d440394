package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// UpdateAcknowledgeAll asks an inbox to answer every alert of one of its messages
// that nobody has, with an AcknowledgeAllRequest; its answer is an alert.Tally.
const UpdateAcknowledgeAll = "acknowledge-all"

// QueryDigest asks an inbox for one of its messages, as an alert.Notice.
const QueryDigest = "digest"

// AcknowledgeAllRequest names a message by the ID of its notice.
type AcknowledgeAllRequest struct {
	Request
	Digest string        `json:"digest"`
	For    time.Duration `json:"for,omitempty"`
}

// forgotten is why a message cannot be answered as a whole.
var forgotten = lifecycle.Refusal{Text: "this message is settled, or too old to be kept; what still needs somebody: neverlapse list --severity P1,P2,P3,P4"}

// answerable lets the messages of an inbox be answered as a whole.
func (i *inbox) answerable(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryDigest, func(id string) (alert.Notice, error) {
		d := i.digest(id)
		if d == nil {
			return alert.Notice{}, forgotten
		}
		return d.notice(d.At), nil
	}, workflow.QueryHandlerOptions{Description: "one of the messages that are kept up to date, by its ID"})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateAcknowledgeAll, i.acknowledgeAll, workflow.UpdateHandlerOptions{
		Description: "Whoever asks has every alert of a message that nobody else has",
		Validator: func(_ workflow.Context, in AcknowledgeAllRequest) error {
			err := error(nil)
			switch {
			case in.By == "":
				err = lifecycle.Refusal{Text: "a request needs a name: say in \"by\" who asks"}
			case i.digest(in.Digest) == nil:
				err = forgotten
			}
			if err != nil {
				return temporal.NewNonRetryableApplicationError(err.Error(), refused, nil)
			}
			return nil
		},
	})
}

func (i *inbox) digest(id string) *Digest {
	n := slices.IndexFunc(i.Digests, func(d Digest) bool { return d.ID == id })
	if n < 0 {
		return nil
	}
	return &i.Digests[n]
}

// acknowledgeAll answers each alert by an update of its own; certificates then
// tell how they stand, and the message shows it. The run lasts until that is done.
func (i *inbox) acknowledgeAll(ctx workflow.Context, in AcknowledgeAllRequest) (alert.Tally, error) {
	i.busy++
	defer func() { i.busy--; i.changes++ }()
	ask := activities.AcknowledgeAllInput{ID: in.ID, By: in.By, Via: in.Via, Note: in.Note, For: in.For}
	var t alert.Tally
	for _, r := range i.digest(in.Digest).Rows {
		switch {
		case r.Answerable():
			ask.Alerts = append(ask.Alerts, activities.Acknowledged{Certificate: r.Certificate, Alert: r.Alert, Seen: r.Seen})
		case r.Phase == alert.Resolved:
			t.Over++
		default:
			t.Had++
		}
	}
	if len(ask.Alerts) == 0 {
		return t, nil
	}
	var now alert.Tally
	summary := fmt.Sprintf("%s acknowledges %d alerts of %s", in.By, len(ask.Alerts), in.Digest)
	if err := workflow.ExecuteActivity(batch(ctx, summary), hands.AcknowledgeAll, ask).Get(ctx, &now); err != nil {
		now = alert.Tally{Failed: len(ask.Alerts)}
	}
	t.Add(now)
	return t, nil
}

// AcknowledgeAll sends the update and returns once it is on record. wait gives
// what came of it, or the error of its context.
func AcknowledgeAll(ctx context.Context, c client.Client, in AcknowledgeAllRequest) (wait func(context.Context) (alert.Tally, error), err error) {
	to, ok := alert.ParseDigestID(in.Digest)
	if !ok {
		return nil, forgotten
	}
	h, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		UpdateID: in.ID, WorkflowID: InboxID(to), UpdateName: UpdateAcknowledgeAll, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		return nil, ofInbox(err)
	}
	return func(ctx context.Context) (t alert.Tally, err error) {
		err = h.Get(ctx, &t)
		return t, ofInbox(err)
	}, nil
}

// AskDigest gives a message about many alerts as it should be now.
func AskDigest(ctx context.Context, c client.Client, id string) (n alert.Notice, err error) {
	to, ok := alert.ParseDigestID(id)
	if !ok {
		return n, forgotten
	}
	v, err := c.QueryWorkflow(ctx, InboxID(to), "", QueryDigest, id)
	var failed *serviceerror.QueryFailed
	if errors.As(err, &failed) {
		return n, forgotten
	}
	if err == nil {
		err = v.Get(&n)
	}
	return n, ofInbox(err)
}

// ofInbox reads the errors of an inbox; one that has ended keeps no message.
func ofInbox(err error) error {
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return forgotten
	}
	return refusal("", err)
}
