package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/web"
	"github.com/neverlapse/neverlapse/workflows"
)

// cluster knows whose certificates are, takes every update and keeps what was sent.
type cluster struct {
	client.Client
	owners  map[string][2]string // certificate -> owner, team
	updates []client.UpdateWorkflowOptions
	signals map[string][]any // by name
	down    error
}

func (c *cluster) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	o, ok := c.owners[strings.TrimPrefix(id, workflows.WorkflowID(""))]
	if c.down != nil {
		return nil, c.down
	}
	if !ok {
		return nil, serviceerror.NewNotFound("workflow execution not found")
	}
	fields := map[string]*commonpb.Payload{}
	for name, value := range map[string]string{"state": "firing", "owner": o[0], "team": o[1]} {
		if value != "" {
			fields[name], _ = converter.GetDefaultDataConverter().ToPayload(value)
		}
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{SearchAttributes: &commonpb.SearchAttributes{IndexedFields: fields}}}, nil
}

type taken struct{ client.WorkflowUpdateHandle }

func (taken) Get(context.Context, any) error { return nil }

func (c *cluster) UpdateWorkflow(_ context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	c.updates = append(c.updates, o)
	return taken{}, nil
}

func (c *cluster) SignalWorkflow(_ context.Context, _, _, name string, in any) error {
	c.signals[name] = append(c.signals[name], in)
	return nil
}

func twoTeams() people.Directory {
	return people.Directory{
		People:   []people.Person{{ID: "minji"}, {ID: "hana"}, {ID: "boss"}},
		Teams:    []people.Team{{ID: "web", Members: []string{"minji"}}, {ID: "shop", Members: []string{"hana"}}, {ID: "sre", Members: []string{"boss"}}},
		CatchAll: "sre",
	}
}

func TestOfTwoUsersOnlyWhoMayReachesTheCertificate(t *testing.T) {
	verbs := []alert.Action{alert.ActAcknowledge, alert.ActSnooze, alert.ActTakeOver, alert.ActReassign, alert.ActRenew, alert.ActCheck}
	for _, action := range verbs {
		c := &cluster{owners: map[string][2]string{"www": {"minji", "web"}}, signals: map[string][]any{}}
		s := answers{gate(c, twoTeams)}
		answer := func(who string) error {
			return s.Answer(t.Context(), web.Answer{ID: who, Certificate: "www", AlertID: "www/x/expiring", Action: action, Person: people.Person{ID: who}, Owner: "hana", Until: time.Now(), Via: "slack"})
		}
		for range 3 {
			err := answer("hana")
			if no, ok := errors.AsType[people.Forbidden](err); !ok || no.Whom() != "minji, boss" {
				t.Errorf("%s: %v", action, err)
			}
		}
		err := s.Signal(t.Context(), web.Answer{Certificate: "www", Action: action, Person: people.Person{ID: "slack:U99"}})
		if _, ok := errors.AsType[people.Forbidden](err); !ok || len(c.updates) != 0 || len(c.signals[workflows.SignalAcknowledge]) != 0 {
			t.Errorf("%s: a stranger's signal: %v, %d updates", action, err, len(c.updates))
		}
		record := c.signals[workflows.SignalForbidden]
		if len(record) != 2 || record[0].(workflows.Forbidden).By != "hana" || record[0].(workflows.Forbidden).Verb != string(action) || record[0].(workflows.Forbidden).Via != "slack" || record[1].(workflows.Forbidden).By != "slack:U99" {
			t.Errorf("%s: on record %+v", action, record)
		}
		for i, who := range []string{"minji", "boss"} {
			if err := answer(who); err != nil || len(c.updates) != i+1 || c.updates[i].UpdateName != string(action) || c.updates[i].UpdateID != who {
				t.Errorf("%s by %s: %v, %+v", action, who, err, c.updates)
			}
		}
	}
}

func TestWhoseACertificateIsHasToBeKnown(t *testing.T) {
	c := &cluster{owners: map[string][2]string{}, signals: map[string][]any{}}
	s := answers{gate(c, twoTeams)}
	a := web.Answer{Certificate: "www", Action: alert.ActAcknowledge, Person: people.Person{ID: "boss"}}
	if err := s.Answer(t.Context(), a); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	c.down = serviceerror.NewUnavailable("away")
	if err := errors.Join(s.Answer(t.Context(), a)); err == nil || s.Signal(t.Context(), a) == nil || len(c.updates)+len(c.signals) != 0 {
		t.Errorf("taken by whoever: %v", err)
	}
}

func TestTheSameRefusalGoesOnRecordOnceAMinute(t *testing.T) {
	now := time.Now()
	r := &warnings{seen: map[warning]time.Time{}, now: func() time.Time { return now }}
	x := workflows.Forbidden{By: "hana", Verb: "snooze"}
	if r.again("www", x) || !r.again("www", x) || r.again("pay", x) || r.again("www", workflows.Forbidden{By: "hana", Verb: "acknowledge"}) {
		t.Error("another refusal counts as the same, or the same as another")
	}
	if now = now.Add(time.Minute); r.again("www", x) {
		t.Error("a minute later it is not on record")
	}
}
