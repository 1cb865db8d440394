package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestARunThatMayNotDeployEndsWithWhatItIssued(t *testing.T) {
	for name, change := range map[string]func(*workflows.RenewalInput){
		"held":            func(in *workflows.RenewalInput) { in.Hold = true },
		"another version": func(in *workflows.RenewalInput) { in.Only = earlier.Fingerprint },
	} {
		s, in := &script{}, two()
		change(&in)
		out := s.run(t, in)
		if out.Kind != string(lifecycle.Issued) || out.Version.Fingerprint != fresh.Fingerprint || len(s.called("Prepare")) > 0 || len(s.called("Install")) > 0 {
			t.Errorf("%s: %+v\n%v", name, out, s.calls)
		}
	}
	s, in := &script{}, two()
	in.Only = fresh.Fingerprint
	if out := s.run(t, in); out.Kind != string(lifecycle.Proven) || len(s.called("Install")) != 2 {
		t.Errorf("what was approved is not deployed: %+v", out)
	}
}

// issues is a renewal that issues where it may not deploy, and else deploys that.
func (s *story) issues(runs *[]workflows.RenewalInput) any {
	var candidate cert.Version
	return func(ctx workflow.Context, in workflows.RenewalInput) (workflows.RenewalOutput, error) {
		now := workflow.Now(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		*runs = append(*runs, in)
		if candidate.Fingerprint == "" || in.Only == "" && !in.Hold {
			candidate = version("a.test", now, 90*24*time.Hour)
		}
		if in.Hold || in.Only != "" && in.Only != candidate.Fingerprint {
			return workflows.RenewalOutput{Kind: string(lifecycle.Issued), Version: candidate, At: now}, nil
		}
		s.served = candidate
		return workflows.RenewalOutput{Kind: string(lifecycle.Proven), Version: candidate, At: now, Targets: []workflows.TargetResult{{Target: "web", Fingerprint: candidate.Fingerprint}},
			Observations: []cert.Observation{{Endpoint: cert.Endpoint{Host: "a.test", Port: 443}, At: now, Version: candidate}, {Target: "web", At: now, Version: candidate}}}, nil
	}
}

func (s *story) decides(when time.Time, u string, in workflows.DecideRequest, got *answer) {
	s.at(when, func() { s.env.UpdateWorkflow(u, "decide-"+in.By+when.String(), got, in) })
}

func (s *story) entries(kind string) (out []cert.Entry) {
	for _, e := range s.journal {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func TestBeforeDeployingTheCertificateWaitsForAnApproverWhoIsNotTheRequester(t *testing.T) {
	p := lifecycle.Default()
	p.Approval = lifecycle.ApprovalPolicy{Before: lifecycle.DoDeploy, By: []people.Role{people.Owner, people.Manager}}
	s := tell(t, "slack", "email")
	var runs []workflows.RenewalInput
	s.withRenewals(s.issues(&runs))
	ask := func(by string, roles ...people.Role) workflows.DecideRequest {
		return workflows.DecideRequest{Request: workflows.Request{By: by, Via: "slack", Note: "looked at it"}, Roles: roles, Checked: true}
	}
	s.at(days(10), func() {
		s.env.UpdateWorkflow(workflows.RenewNow.Name, "", discard{}, workflows.RenewRequest{Request: workflows.Request{By: "owner"}})
	})
	var self, stranger, boss answer
	s.decides(days(10.1), "approve", ask("owner", people.Owner), &self)
	s.decides(days(10.2), "approve", ask("watch", people.OnCall), &stranger)
	s.decides(days(10.3), "approve", ask("boss", people.Manager), &boss)
	var before cert.Fingerprint
	s.at(days(10.25), func() { before = s.served.Fingerprint })
	first := s.served.Fingerprint
	s.run(lifecycle.Spec{Managed: true, CA: "ca", Targets: []string{"web"}, Policy: p}, days(10.5))
	if self.refused == nil || !strings.Contains(self.refused.Error(), "owner asked for it, and somebody else has to approve it") {
		t.Errorf("the requester: %v", self.refused)
	}
	if stranger.refused == nil || !strings.Contains(stranger.refused.Error(), "watch may not decide") {
		t.Errorf("somebody without a role: %v", stranger.refused)
	}
	if boss.refused != nil || before != first || s.served.Fingerprint == first {
		t.Errorf("approver: %v; served before %s and after %s", boss.refused, before.Short(), s.served.Fingerprint.Short())
	}
	if len(runs) != 2 || !runs[0].Hold || runs[1].Hold || runs[1].Only != s.served.Fingerprint {
		t.Errorf("runs %+v", runs)
	}
	asked, approved := s.entries("approval"), s.entries("approved")
	if len(asked) != 1 || asked[0].By != "owner" || len(approved) != 1 || approved[0].By != "boss" || approved[0].Via != "slack" || approved[0].Note != "looked at it" || approved[0].Details["roles"] != "manager" {
		t.Errorf("on record: %+v %+v", asked, approved)
	}
	i := slices.IndexFunc(s.told, func(n notice) bool { return n.what.Notice.Reason == alert.ApprovalNeeded })
	if i < 0 || !slices.Contains(s.told[i].what.Notice.Actions, alert.ActApprove) || s.told[i].what.Notice.Question.Requester != "owner" {
		t.Errorf("nobody was asked: %v", s.heard())
	}
}

func TestUnansweredInAFreezeItPagesAndThePolicyDecidesBeforeTheLastSafeMoment(t *testing.T) {
	p := lifecycle.Default()
	p.Name = "careful"
	p.Approval = lifecycle.ApprovalPolicy{Before: lifecycle.DoIssue}
	day := func(n float64) lifecycle.Day { return lifecycle.Day(days(n).Format("2006-01-02 15:04")) }
	p.Freezes = []lifecycle.Freeze{{Name: "stocktaking", From: day(5), Until: day(85), TimeZone: "UTC"}}
	s := tell(t, "slack", "email")
	var runs []workflows.RenewalInput
	s.withRenewals(s.issues(&runs))
	s.run(lifecycle.Spec{Managed: true, CA: "ca", Targets: []string{"web"}, Policy: p}, days(82))
	if s.served.NotAfter.Before(days(150)) || len(runs) != 1 {
		t.Fatalf("it is not renewed: until %s, %d runs", s.served.NotAfter, len(runs))
	}
	if at := s.served.NotBefore; at.After(days(81).Add(time.Minute)) || at.Before(days(80)) {
		t.Errorf("renewed at %s", at)
	}
	approved, overridden := s.entries("approved"), s.entries("freeze-overridden")
	if len(approved) != 1 || approved[0].By != "policy careful" || len(overridden) != 1 || overridden[0].By != "policy careful" || !strings.Contains(overridden[0].Text, "stocktaking") {
		t.Errorf("on record: %+v %+v", approved, overridden)
	}
	heard := join(s.heard())
	for _, want := range []string{"boss by slack: P3 approval-needed", "P2 approval-needed", "P1 approval-needed", "owner by slack: P3 frozen"} {
		if !strings.Contains(heard, want) {
			t.Errorf("nobody heard %q:\n%s", want, heard)
		}
	}
}
