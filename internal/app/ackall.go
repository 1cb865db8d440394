package app

import (
	"context"
	"errors"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/web"
	"github.com/neverlapse/neverlapse/workflows"
)

// Acknowledge answers one alert of a message about many, as if its own button had
// been pressed.
func (s answers) Acknowledge(ctx context.Context, in activities.AcknowledgeAllInput, which activities.Acknowledged) alert.Tally {
	r := workflows.Request{ID: in.ID + "/" + which.Alert, By: in.By, Via: in.Via, Note: in.Note}
	ask := workflows.AcknowledgeRequest{Request: r, Alert: which.Alert, Seen: which.Seen, For: in.For}
	_, err := workflows.Acknowledge.Ask(ctx, s.gate, which.Certificate, ask)
	no, forbidden := errors.AsType[people.Forbidden](err)
	_, refused := errors.AsType[lifecycle.Refusal](err)
	switch {
	case err == nil:
		return alert.Tally{Taken: 1}
	case forbidden:
		return alert.Tally{Refused: 1, May: no.Whom()}
	case errors.Is(err, workflows.ErrNotEnrolled):
		return alert.Tally{Over: 1}
	case !refused:
		return alert.Tally{Failed: 1}
	}
	st, err := forms{answers: s}.status(ctx, which.Certificate)
	switch a := st.State.Alert(which.Alert); {
	case err != nil:
		return alert.Tally{Refused: 1}
	case a == nil || !a.Open():
		return alert.Tally{Over: 1}
	case a.Answer != nil:
		return alert.Tally{Had: 1}
	}
	return alert.Tally{Refused: 1}
}

// AcknowledgeAll has every alert of a message answered. Whoever is in no
// directory is refused once, not by each certificate.
func (s answers) AcknowledgeAll(ctx context.Context, a web.Answer) (wait func(context.Context) (alert.Tally, error), err error) {
	in := workflows.AcknowledgeAllRequest{Request: request(a), Digest: a.AlertID, For: a.For}
	wait, err = s.acknowledgeAll(ctx, in)
	return wait, s.fault(ctx, a, err)
}

func (s answers) acknowledgeAll(ctx context.Context, in workflows.AcknowledgeAllRequest) (wait func(context.Context) (alert.Tally, error), err error) {
	d := s.gate.Directory()
	if _, known := d.Person(in.By); !known {
		to, _ := alert.ParseDigestID(in.Digest)
		if in.By != people.GroupMark+to {
			if err := d.May(in.By, people.Asked{Verb: people.Acknowledge, Certificate: "what is in this message"}); err != nil {
				return nil, err
			}
		}
	}
	outcome, err := workflows.AcknowledgeAll(ctx, s.gate.Client, in)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (alert.Tally, error) {
		t, err := outcome(ctx)
		if refusal, ok := errors.AsType[lifecycle.Refusal](err); ok {
			err = fault.New(fault.Invalid, "%w", refusal)
		}
		return t, err
	}, nil
}

// digests are the messages about many alerts, for links.
type digests struct{ answers }

// Digest gives one as it should be now; a lifecycle.Refusal if it is kept no more.
func (d digests) Digest(ctx context.Context, id string) (alert.Notice, error) {
	return workflows.AskDigest(ctx, d.gate.Client, id)
}

// AcknowledgeAll is as for a click.
func (d digests) AcknowledgeAll(ctx context.Context, in workflows.AcknowledgeAllRequest) (wait func(context.Context) (alert.Tally, error), err error) {
	return d.acknowledgeAll(ctx, in)
}
