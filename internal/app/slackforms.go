package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/web"
	"github.com/neverlapse/neverlapse/workflows"
)

// forms are what people in Slack answer in, beside the buttons.
type forms struct {
	answers
	api *notify.Slack
}

// Open shows a form.
func (f forms) Open(ctx context.Context, trigger string, form slack.ModalViewRequest) error {
	return f.api.OpenView(ctx, trigger, form)
}

// Receivers are the people and teams of the directory.
func (f forms) Receivers() (owners, teams []web.Receiver) {
	d := f.gate.Directory()
	for _, p := range d.People {
		owners = append(owners, web.Receiver{ID: p.ID, Name: p.Name})
	}
	for _, t := range d.Teams {
		teams = append(teams, web.Receiver{ID: t.ID, Name: t.Name})
	}
	return owners, teams
}

// Form asks the certificate how the alert stands. Whoever may not answer, and
// whoever was overtaken, hears so before anything is filled in.
func (f forms) Form(ctx context.Context, a web.Answer) (web.Form, error) {
	verb := people.Acknowledge
	if strings.HasSuffix(a.AlertID, "/"+string(alert.ApprovalNeeded)) {
		verb = people.Approve // of those who may the certificate's policy knows more
	}
	_, err := f.gate.Let(ctx, a.Certificate, verb, request(a))
	var s workflows.Status
	if err == nil {
		s, err = f.status(ctx, a.Certificate)
	}
	if err != nil {
		return web.Form{}, f.fault(ctx, a, err)
	}
	now := time.Now().UTC()
	if err := s.State.CheckAcknowledge(lifecycle.Answered{Alert: a.AlertID, By: who(a), Seen: a.Standing}); err != nil {
		return web.Form{}, fault.New(fault.Invalid, "%w", err)
	}
	open := *s.State.Alert(a.AlertID)
	out := web.Form{
		Subject: workflows.Subject(now, s.State, open, a.Person.Language, a.Person.TimeZone), Standing: open.Standing(),
		SnoozeUntil: s.State.SnoozeAtMost(now, open), QuietUntil: s.State.QuietAtMost(now),
	}
	offered := append(workflows.Actions(now, s.State, open), alert.ActReassign)
	for _, do := range alert.FormActions {
		late := do == alert.ActSnooze && !out.SnoozeUntil.IsZero() && !out.SnoozeUntil.After(now)
		if slices.Contains(offered, do) && !late {
			out.Actions = append(out.Actions, do)
		}
	}
	return out, nil
}

func (f forms) status(ctx context.Context, certificate string) (s workflows.Status, err error) {
	v, err := f.gate.Client.QueryWorkflow(ctx, workflows.WorkflowID(certificate), "", workflows.QueryStatus)
	if err == nil {
		err = v.Get(&s)
	}
	return s, workflows.NotEnrolled(certificate, err)
}
