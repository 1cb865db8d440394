package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/web"
	"github.com/neverlapse/neverlapse/workflows"
)

// answers takes people's clicks to the certificates.
type answers struct {
	gate *workflows.Gate
}

func (a *App) answers() answers { return answers{a.gate} }

// Answer sends the update and waits until the workflow took or refused it. A
// cluster out of reach is a fault of kind Unavailable, except for an
// acknowledgement: the signal that follows it tells.
func (s answers) Answer(ctx context.Context, a web.Answer) error {
	if strings.HasPrefix(a.AlertID, workflows.ChannelAlert(a.Certificate)) {
		return s.confirm(ctx, a.Certificate, request(a))
	}
	if a.Action == alert.ActAccept || a.Action == alert.ActDecline {
		return s.handover(ctx, a)
	}
	return s.fault(ctx, a, s.ask(ctx, a))
}

// fault says what came of an answer, for whoever gave it.
func (s answers) fault(ctx context.Context, a web.Answer, err error) error {
	var refusal lifecycle.Refusal
	var forbidden people.Forbidden
	switch {
	case errors.As(err, &forbidden):
		return err
	case errors.As(err, &refusal):
		return fault.New(fault.Invalid, "%w", err)
	case errors.Is(err, workflows.ErrNotEnrolled):
		return fault.New(fault.NotFound, "%s is not enrolled any more", a.Certificate)
	case err != nil && ctx.Err() != nil && a.Action != alert.ActAcknowledge && !s.reachable(ctx):
		return fault.New(fault.Unavailable, "Temporal is out of reach: %w", err)
	}
	return err
}

func (s answers) ask(ctx context.Context, a web.Answer) error {
	r := request(a)
	err := s.received(ctx, a, r)
	if err != nil {
		return err
	}
	switch a.Action {
	case alert.ActAcknowledge:
		_, err = workflows.Acknowledge.Ask(ctx, s.gate, a.Certificate, workflows.AcknowledgeRequest{Request: r, Alert: a.AlertID, Seen: a.Standing, For: a.For})
	case alert.ActSnooze:
		_, err = workflows.Snooze.Ask(ctx, s.gate, a.Certificate, workflows.SnoozeRequest{Request: r, Alert: a.AlertID, Seen: a.Standing, Until: a.Until})
	case alert.ActTakeOver:
		_, err = workflows.TakeOver.Ask(ctx, s.gate, a.Certificate, workflows.TakeOverRequest{Request: r, Alert: a.AlertID, Seen: a.Standing, For: a.For})
	case alert.ActReassign:
		_, err = workflows.Reassign.Ask(ctx, s.gate, a.Certificate, workflows.ReassignRequest{Request: r, Alert: a.AlertID, Seen: a.Standing, Owner: a.Owner, Team: a.Team})
	case alert.ActRenew:
		_, err = workflows.RenewNow.Ask(ctx, s.gate, a.Certificate, workflows.RenewRequest{Request: r})
	case alert.ActCheck:
		_, err = workflows.ObserveNow.Ask(ctx, s.gate, a.Certificate, r)
	case alert.ActApprove:
		_, err = s.gate.Decide(ctx, workflows.Approve, time.Now(), a.Certificate, workflows.DecideRequest{Request: r, Alert: a.AlertID, Seen: a.Standing})
	case alert.ActDeny:
		_, err = s.gate.Decide(ctx, workflows.Deny, time.Now(), a.Certificate, workflows.DecideRequest{Request: r, Alert: a.AlertID, Seen: a.Standing})
	default:
		return fault.New(fault.Invalid, "action %q is not known", a.Action)
	}
	return err
}

// confirm says that somebody read a message that is about a channel.
func (s answers) confirm(ctx context.Context, channel string, r workflows.Request) error {
	_, err := workflows.ConfirmChannel(ctx, s.gate.Client, channel, r)
	switch {
	case errors.Is(err, workflows.ErrNoChannel):
		return fault.New(fault.NotFound, "there is no channel %s any more", channel)
	case err != nil && ctx.Err() != nil && !s.reachable(ctx):
		return fault.New(fault.Unavailable, "Temporal is out of reach: %w", err)
	}
	return err
}

// received refuses new owners and teams that nobody could tell; whoever may not
// give it to them hears that first.
func (s answers) received(ctx context.Context, a web.Answer, r workflows.Request) error {
	owner, team := a.Owner, a.Team
	switch a.Action {
	case alert.ActTakeOver:
		owner, team = r.By, ""
	case alert.ActReassign:
	default:
		return nil
	}
	unknown := s.gate.Directory().Receives(owner, team)
	if unknown == nil {
		return nil
	}
	if _, err := s.gate.Let(ctx, a.Certificate, people.Verb(a.Action), r); err != nil {
		return err
	}
	return fault.New(fault.Invalid, "%w", unknown)
}

// reachable tells a cluster that is away from one without a worker: the SDK
// tries both until the time is over.
func (s answers) reachable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
	defer cancel()
	_, err := s.gate.Client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err == nil
}

// Signal leaves an acknowledgement for when a worker is back.
func (s answers) Signal(ctx context.Context, a web.Answer) error {
	in := workflows.AcknowledgeRequest{Request: request(a), Alert: a.AlertID, For: a.For}
	if _, err := s.gate.Let(ctx, a.Certificate, people.Acknowledge, in.Request); err != nil {
		return err
	}
	if err := s.gate.Client.SignalWorkflow(ctx, workflows.WorkflowID(a.Certificate), "", workflows.SignalAcknowledge, in); err != nil {
		return fmt.Errorf("signal %s: %w", a.Certificate, err)
	}
	return nil
}

func request(a web.Answer) workflows.Request {
	return workflows.Request{ID: a.ID, By: who(a), Via: a.Via, Note: a.Note}
}

// who attributes the answer; a Slack user who is in no directory is named as such.
func who(a web.Answer) string {
	if a.Person.ID != "" {
		return a.Person.ID
	}
	return "slack:" + a.SlackUser + " (not in the directory)"
}
