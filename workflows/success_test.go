package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/gather"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// renewed lists who was told that the renewal went well.
func (s *story) renewed() (to []string, n alert.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.told {
		if m.what.Notice.Reason == alert.Renewed {
			to, n = append(to, m.to+" by "+m.kind), m.what.Notice
		}
	}
	return to, n
}

func renewNow(s *story, at float64) {
	s.at(days(at), func() {
		s.env.UpdateWorkflow(workflows.RenewNow.Name, "", discard{}, workflows.RenewRequest{Request: workflows.Request{By: "test"}, New: true})
	})
}

func TestARenewalThatIsProvenIsToldOnceToWhomThePolicyNames(t *testing.T) {
	for _, x := range []struct {
		roles []people.Role
		want  string
	}{
		{nil, "[]"},
		{[]people.Role{people.Owner}, "[owner by slack]"},
		{[]people.Role{people.Owner, people.Manager}, "[owner by slack boss by slack]"},
	} {
		s := tell(t, "slack", "email")
		s.withRenewals(s.proves())
		renewNow(s, 1)
		policy := lifecycle.Default()
		policy.NotifySuccess = x.roles
		s.run(lifecycle.Spec{Managed: true, CA: "ca", Targets: []string{"web"}, Policy: policy}, days(2))
		to, n := s.renewed()
		if fmt.Sprint(to) != x.want {
			t.Errorf("%v: told %v", x.roles, to)
		}
		if len(to) == 0 {
			continue
		}
		if n.Phase != alert.Resolved || n.Reach != alert.Quiet || n.Severity != alert.P4 || len(n.Actions) != 0 || n.Version.Fingerprint != s.served.Fingerprint || len(n.Places) == 0 {
			t.Errorf("%+v", n)
		}
		for language, want := range map[string]string{"en": "[renewed] a is renewed, 90 days left", "ko": "[갱신 완료] a 인증서가 갱신되었습니다"} {
			words := alert.Render(n, language, "Asia/Seoul")
			text := words.Subject + "\n" + alert.Plain(words)
			if !strings.Contains(text, want) || !strings.Contains(text, "a.test:443") || !strings.Contains(text, "Test CA") {
				t.Errorf("%s", text)
			}
		}
	}
}

func TestWhoWasToldThatARenewalFailedLearnsOfItsSuccessByThatMessageAlone(t *testing.T) {
	s := tell(t, "slack", "email")
	tries := 0
	s.withRenewals(func(ctx workflow.Context, in workflows.RenewalInput) (workflows.RenewalOutput, error) {
		if tries++; tries == 1 {
			return workflows.RenewalOutput{Kind: string(lifecycle.ValidationFailed), Cause: "no"}, nil
		}
		return s.proves().(func(workflow.Context, workflows.RenewalInput) (workflows.RenewalOutput, error))(ctx, in)
	})
	renewNow(s, 1)
	renewNow(s, 1.1)
	policy := lifecycle.Default()
	policy.NotifySuccess = []people.Role{people.Owner, people.Manager}
	s.run(lifecycle.Spec{Managed: true, CA: "ca", Targets: []string{"web"}, Policy: policy}, days(2))
	if to, _ := s.renewed(); fmt.Sprint(to) != "[boss by slack]" {
		t.Errorf("told %v; all: %v", to, s.heard())
	}
}

func TestManyRenewalsAreOneMessageThatAsksNobodyForAnything(t *testing.T) {
	s := stage(t, "slack")
	s.env.RegisterWorkflow(s.story.InboxWorkflow)
	in := workflows.Inbox{To: "owner", Gather: gather.State{Rules: gather.Default()}}
	for i := range 12 {
		name := fmt.Sprintf("c%02d", i)
		v := version(name, start, 90*24*time.Hour)
		n := alert.Notice{
			Key: name, AlertID: alert.ID(name, v.Fingerprint, alert.Renewed), Certificate: name, Phase: alert.Resolved, Severity: alert.P4,
			Reason: alert.Renewed, Reach: alert.Quiet, At: start, Version: v, Replacement: v,
		}
		to := people.Contact{ID: "owner", Name: "owner", Address: map[string]string{"slack": "UOWNER"}}
		in.Waiting = append(in.Waiting, activities.Parcel{From: "certificate/" + name, Notice: n, To: to, Ways: []activities.Way{{Channel: "slack", Kind: "slack", Address: "UOWNER"}}, By: start.Add(time.Hour), Rules: gather.Default()})
	}
	s.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, workflows.SignalDelivered, mock.Anything).Return(nil)
	s.env.ExecuteWorkflow("InboxWorkflow", in)
	if err := s.env.GetWorkflowError(); err != nil || !s.env.IsWorkflowCompleted() || len(s.told) != 1 {
		t.Fatalf("%v, told %v", err, s.heard())
	}
	n := s.told[0].what.Notice
	if n.Summary == nil || n.Summary.Whole != 12 || n.Summary.Open != 0 || len(n.Actions) != 0 {
		t.Errorf("%+v", n)
	}
	if text := alert.Render(n, "ko", ""); text.Subject != "[갱신 완료] 인증서 12개가 갱신되었습니다" || !strings.Contains(text.Standing.Items[0], "c00 갱신") {
		t.Errorf("%+v", text)
	}
	if brief := alert.Brief(n, "en", func(s string) bool { return len(s) < 70 }); brief != "12 certificates are renewed" {
		t.Errorf("%q", brief)
	}
}
