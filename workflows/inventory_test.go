package workflows_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// pages is a fleet of which every third window moved.
type pages struct {
	of, asked int
	pulled    []activities.Pulled
}

func (p *pages) ReportPulled(_ context.Context, in activities.Pulled) error {
	p.pulled = append(p.pulled, in)
	return nil
}

func (p *pages) PollRenewalInfo(_ context.Context, in activities.PollInput) (activities.Polled, error) {
	p.asked++
	page := 0
	_, _ = fmt.Sscan(string(in.Page), &page)
	out := activities.Polled{Members: 3, Asked: 2, Moved: []activities.Moved{{Name: fmt.Sprint("c", page), Fingerprint: "f", Window: cert.Window{Start: days(1), End: days(2)}}},
		Past: []activities.Pulled{{CA: "ca", Count: 2}, {CA: "other", Count: 1, Why: "https://ca.test/incident"}}}
	if page++; page < p.of {
		out.Next = []byte(fmt.Sprint(page))
	}
	return out, nil
}

func TestABatchSignalsOnlyWhatMovedAndHandsOverWhenItIsLong(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	p := &pages{of: 5}
	in := workflows.InventoryInput{Kind: workflows.RenewalInfo}
	var signalled []string
	for run := 0; ; run++ {
		env := suite.NewTestWorkflowEnvironment()
		env.SetStartTime(start)
		story := &workflows.Workflows{}
		env.RegisterWorkflow(story.InventoryWorkflow)
		env.RegisterActivity(p)
		env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", workflows.SignalWindow, mock.Anything).Return(
			func(_, id, _, _ string, arg any) error {
				signalled = append(signalled, id)
				if s, ok := arg.(workflows.Suggestion); !ok || s.Fingerprint != "f" || !s.Window.Start.Equal(days(1)) {
					t.Errorf("%s is told %+v", id, arg)
				}
				if id == "certificate/c1" {
					return fmt.Errorf("it was retired meanwhile")
				}
				return nil
			})
		env.SetContinueAsNewSuggested(run == 0)
		env.ExecuteWorkflow("InventoryWorkflow", in)
		err := env.GetWorkflowError()
		if err == nil {
			var out workflows.InventoryOutput
			if err := env.GetWorkflowResult(&out); err != nil {
				t.Fatal(err)
			}
			if want := (workflows.InventoryOutput{Members: 15, Asked: 10, Moved: 5, Past: p.pulled}); !reflect.DeepEqual(out, want) {
				t.Errorf("%+v, want %+v", out, want)
			}
			break
		}
		in = handedTo[workflows.InventoryInput](t, err)
	}
	if want := "[{ca 10 } {other 5 https://ca.test/incident}]"; fmt.Sprint(p.pulled) != want {
		t.Errorf("the accounts are told %v", p.pulled)
	}
	if fmt.Sprint(signalled) != "[certificate/c0 certificate/c1 certificate/c2 certificate/c3 certificate/c4]" || p.asked != 5 {
		t.Errorf("signalled %v in %d pages", signalled, p.asked)
	}
}

// proves is an attempt that puts a version of its own on the endpoint.
func (s *story) proves() any {
	return func(ctx workflow.Context, in workflows.RenewalInput) (workflows.RenewalOutput, error) {
		now := workflow.Now(ctx)
		v := version("a.test", now, 90*24*time.Hour)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.served = v
		return workflows.RenewalOutput{Kind: string(lifecycle.Proven), Version: v, At: now, Targets: []workflows.TargetResult{{Target: "web", Fingerprint: v.Fingerprint}},
			Observations: []cert.Observation{{Endpoint: cert.Endpoint{Host: "a.test", Port: 443}, At: now, Version: v}, {Target: "web", At: now, Version: v}}}, nil
	}
}

func TestARenewalGoesByTheWindowThatTheCAMoved(t *testing.T) {
	s := tell(t, "slack")
	s.withRenewals(s.proves())
	send := func(at float64, f cert.Fingerprint, w cert.Window) {
		s.at(days(at), func() { s.env.SignalWorkflow(workflows.SignalWindow, workflows.Suggestion{Fingerprint: f, Window: w}) })
	}
	live := s.served.Fingerprint
	send(2, live, cert.Window{Start: days(59), End: days(61)})
	send(3, "another", cert.Window{Start: days(4), End: days(5)})
	send(4, live, cert.Window{Start: days(59), End: days(61)})
	send(10, live, cert.Window{Start: days(5), End: days(95)})
	send(20, live, cert.Window{Start: days(8), End: days(9), Explanation: "https://ca.test/incident"})
	s.run(lifecycle.Spec{Managed: true, CA: "ca", Targets: []string{"web"}}, days(25))
	e := s.handed()
	if e.State.Live.Fingerprint == live || e.State.Window != nil || !e.State.LiveAt.Equal(days(20)) && e.State.LiveAt.Sub(days(20)) > time.Minute {
		t.Errorf("live is %s since %s, window %+v", e.State.Live.Fingerprint.Short(), e.State.LiveAt, e.State.Window)
	}
	var told []string
	for _, j := range s.journal {
		if j.Kind == "window" {
			told = append(told, j.Text)
		}
	}
	if len(told) != 3 || !contains(told[1], "ignored: it is outside the validity") || !contains(told[2], "https://ca.test/incident") {
		t.Errorf("the journal tells %d windows: %q", len(told), told)
	}
}
