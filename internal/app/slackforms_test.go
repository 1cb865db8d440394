package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/web"
	"github.com/neverlapse/neverlapse/workflows"
)

// speaking is a cluster whose certificates say how they stand.
type speaking struct {
	cluster
	state lifecycle.State
	mute  error
	no    error // of every update
}

func (c *speaking) UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	if c.no != nil {
		return nil, c.no
	}
	return c.cluster.UpdateWorkflow(ctx, o)
}

type said struct{ workflows.Status }

func (said) HasValue() bool { return true }

func (s said) Get(into any) error {
	*into.(*workflows.Status) = s.Status
	return nil
}

func (c *speaking) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	return said{workflows.Status{State: c.state}}, c.mute
}

func TestAFormOffersWhatTheAlertTakesAndSaysUntilWhen(t *testing.T) {
	now := time.Now().UTC()
	firing := lifecycle.Alert{ID: "www/none/expiring", Reason: alert.Expiring, Severity: alert.P2, Status: lifecycle.Firing, Round: 1, FiredAt: now}
	asks := lifecycle.Alert{ID: "www/none/approval-needed", Reason: alert.ApprovalNeeded, Severity: alert.P3, Status: lifecycle.Firing, Round: 1, FiredAt: now}
	c := &speaking{cluster: cluster{owners: map[string][2]string{"www": {"minji", "web"}}, signals: map[string][]any{}}, state: lifecycle.State{
		Spec:   lifecycle.Spec{Name: "www", Names: []string{"www.example.com"}, Policy: lifecycle.Default()},
		Live:   cert.Version{Fingerprint: "ab12", NotBefore: now.Add(-80 * 24 * time.Hour), NotAfter: now.Add(10 * 24 * time.Hour)},
		Alerts: []lifecycle.Alert{firing, asks},
	}}
	f := forms{answers{gate(c, twoTeams)}, nil}
	ask := func(who string, about lifecycle.Alert, seen string) (web.Form, error) {
		return f.Form(t.Context(), web.Answer{Certificate: "www", AlertID: about.ID, Standing: seen, Action: alert.ActMore, Person: people.Person{ID: who, TimeZone: "Asia/Seoul"}, Via: "slack"})
	}
	got, err := ask("minji", firing, firing.Standing())
	if err != nil {
		t.Fatal(err)
	}
	want := []alert.Action{alert.ActAcknowledge, alert.ActSnooze, alert.ActTakeOver, alert.ActReassign}
	if !slices.Equal(got.Actions, want) || !strings.Contains(got.Subject, "www") || got.Standing != firing.Standing() {
		t.Errorf("%+v", got)
	}
	if lastSafe := now.Add(24 * time.Hour); got.SnoozeUntil.Sub(lastSafe).Abs() > time.Minute || got.QuietUntil.Sub(now.Add(24*time.Hour)).Abs() > time.Minute {
		t.Errorf("snooze until %s, quiet until %s", got.SnoozeUntil, got.QuietUntil)
	}
	if got, err = ask("hana", asks, asks.Standing()); err != nil || !slices.Contains(got.Actions, alert.ActApprove) || !slices.Contains(got.Actions, alert.ActDeny) {
		t.Errorf("who may approve by policy: %+v %v", got, err)
	}
	if _, err := ask("hana", firing, firing.Standing()); !slices.Equal(whom(err), []string{"minji", "boss"}) || len(c.signals[workflows.SignalForbidden]) != 1 {
		t.Errorf("%v; on record %v", err, c.signals)
	}
	if _, err := ask("minji", firing, "0/P3/firing/0"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "has changed since you saw it") {
		t.Errorf("overtaken: %v", err)
	}
	c.mute = serviceerror.NewNotFound("gone")
	if _, err := ask("minji", firing, ""); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if owners, teams := f.Receivers(); len(owners) != 3 || len(teams) != 3 {
		t.Errorf("%v %v", owners, teams)
	}
}

func whom(err error) []string {
	no, _ := errors.AsType[people.Forbidden](err)
	return no.May
}

func TestOfManyAlertsEachIsAnsweredAsIfByItsOwnButton(t *testing.T) {
	refusal := temporal.NewNonRetryableApplicationError("no", "Refused", nil)
	firing := lifecycle.Alert{ID: "www/none/expiring", Status: lifecycle.Firing, Round: 1}
	taken, over := firing, firing
	taken.Status, taken.Answer = lifecycle.Acknowledged, &alert.Answer{By: "boss"}
	over.Status = lifecycle.Resolved
	for name, x := range map[string]struct {
		by   string
		no   error
		now  lifecycle.Alert
		want alert.Tally
	}{
		"taken":            {"minji", nil, firing, alert.Tally{Taken: 1}},
		"not theirs":       {"hana", nil, firing, alert.Tally{Refused: 1, May: "minji, boss"}},
		"somebody else's":  {"minji", refusal, taken, alert.Tally{Had: 1}},
		"over":             {"minji", refusal, over, alert.Tally{Over: 1}},
		"another by now":   {"minji", refusal, firing, alert.Tally{Refused: 1}},
		"out of reach":     {"minji", serviceerror.NewUnavailable("away"), firing, alert.Tally{Failed: 1}},
		"enrolled no more": {"minji", serviceerror.NewNotFound("gone"), firing, alert.Tally{Over: 1}},
	} {
		c := &speaking{cluster: cluster{owners: map[string][2]string{"www": {"minji", "web"}}, signals: map[string][]any{}}, no: x.no}
		c.state = lifecycle.State{Spec: lifecycle.Spec{Name: "www"}, Alerts: []lifecycle.Alert{x.now}}
		s := answers{gate(c, twoTeams)}
		got := s.Acknowledge(t.Context(), activities.AcknowledgeAllInput{ID: "k", By: x.by, Via: "slack"}, activities.Acknowledged{Certificate: "www", Alert: firing.ID, Seen: "1/P2/firing/0"})
		if got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
		if len(c.updates) > 0 {
			in := c.updates[0].Args[0].(workflows.AcknowledgeRequest)
			if in.Seen != "1/P2/firing/0" || in.ID != "k/"+firing.ID || in.By != "minji" || in.Of == nil {
				t.Errorf("%+v", in)
			}
		}
	}
}

func TestAStrangerIsRefusedOnceForAMessageAboutMany(t *testing.T) {
	c := &speaking{cluster: cluster{owners: map[string][2]string{}, signals: map[string][]any{}}}
	s := answers{gate(c, twoTeams)}
	ask := func(who string) error {
		wait, err := s.AcknowledgeAll(t.Context(), web.Answer{ID: "k", AlertID: "inbox:web/1-1", Action: alert.ActAckAll, Person: people.Person{ID: who}})
		if err == nil {
			_, err = wait(t.Context())
		}
		return err
	}
	for _, who := range []string{"slack:U99", "team:shop"} {
		if _, ok := errors.AsType[people.Forbidden](ask(who)); !ok || len(c.updates) != 0 {
			t.Errorf("%s: %v", who, ask(who))
		}
	}
	for i, who := range []string{"hana", "team:web"} {
		if err := ask(who); err != nil || len(c.updates) != i+1 || c.updates[i].WorkflowID != "inbox/web" || c.updates[i].UpdateID != "k" {
			t.Errorf("%s: %v, %+v", who, err, c.updates)
		}
	}
}
