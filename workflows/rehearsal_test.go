package workflows_test

import (
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestARehearsalAsksEveryTargetAndOneThatFailsHoldsUpNoOther(t *testing.T) {
	s := &script{fails: map[string]error{"Rehearse web1": failing(activities.Unavailable)}, before: map[string]cert.Version{"web2": earlier, "web3": earlier}, hosts: map[string]activities.Prepared{"web3": {Host: "web7", Wait: time.Minute}}}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	story := &workflows.Workflows{}
	env.RegisterWorkflow(story.RehearsalWorkflow)
	env.RegisterActivity(s)
	env.ExecuteWorkflow("RehearsalWorkflow", workflows.RehearsalInput{Name: "shop", Version: fresh.Fingerprint, Targets: []string{"web1", "web2", "web3"}, By: "minji"})
	var got []cert.Rehearsal
	if err := env.GetWorkflowResult(&got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[2].Has.Fingerprint != earlier.Fingerprint || got[2].Gets.Fingerprint != fresh.Fingerprint || got[0].Target != "web1" || got[0].Trouble != "it said no" || got[1].Has.Fingerprint != earlier.Fingerprint || got[1].Trouble != "" {
		t.Errorf("%+v", got)
	}
	if called, want := s.called(""), []string{"Rehearse web1", "Rehearse web2", "Rehearse web3", "Rehearse web3 at web7"}; !slices.Equal(called, want) {
		t.Errorf("done: %v; want nothing but %v", called, want)
	}
}

func TestAVersionForSomeTargetsIsNotMadeLive(t *testing.T) {
	in := two()
	in.Purpose, in.Version, in.Part = string(lifecycle.ForDeploy), fresh.Fingerprint, true
	in.Endpoints = append(in.Endpoints, cert.Endpoint{Host: "balancer.test", Port: 443}) // shows what other targets have
	s := &script{shows: map[string]cert.Version{"balancer.test:443": earlier}}
	if out := s.run(t, in); out.Kind != string(lifecycle.Proven) || len(s.called("Promote")) > 0 {
		t.Errorf("ended %s: %s; %v", out.Kind, out.Cause, s.called("Promote"))
	}
}
