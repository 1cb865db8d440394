package workflows_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// handed gives what the run left to the next.
func (s *story) handed() workflows.Entity {
	s.t.Helper()
	return handedTo[workflows.Entity](s.t, s.env.GetWorkflowError())
}

// handedTo reads what a run handed to the next.
func handedTo[T any](t *testing.T, err error) T {
	t.Helper()
	var next *workflow.ContinueAsNewError
	if !errors.As(err, &next) {
		t.Fatalf("the run was not continued: %v", err)
	}
	var out T
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func acked(e workflows.Entity, journal []cert.Entry) map[string]bool {
	out := map[string]bool{}
	for _, x := range append(journal, e.Unread...) {
		if x.Kind == "acknowledged" {
			out[x.Note] = true
		}
	}
	return out
}

func TestSignalsThatArriveWhileHandingOverAreNotLost(t *testing.T) {
	const signals = 200
	s := tell(t, "slack", "email")
	s.at(days(60).Add(time.Hour), func() {
		for i := range signals {
			id := fmt.Sprint("signal-", i)
			s.env.SignalWorkflowSkippingWorkflowTask(workflows.SignalAcknowledge, workflows.AcknowledgeRequest{Request: workflows.Request{ID: id, Note: id}})
		}
	})
	s.at(days(60).Add(time.Hour+time.Millisecond), func() { s.env.SetContinueAsNewSuggested(true) }) // the first task that sees them ends the run
	s.run(lifecycle.Spec{Policy: ladder()}, days(80))
	e := s.handed()
	if n := len(acked(e, s.journal)); n != signals {
		t.Errorf("%d of %d signals were counted", n, signals)
	}
	a := e.State.Alerts[0]
	if a.Status != lifecycle.Acknowledged || a.Answer.By != "unverified" {
		t.Errorf("the alert is %s by %+v", a.Status, a.Answer)
	}

	first, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var again workflows.Entity
	if err := json.Unmarshal(first, &again); err != nil {
		t.Fatal(err)
	}
	if second, _ := json.Marshal(again); string(second) != string(first) {
		t.Errorf("the state does not survive the round trip:\n%s\n%s", first, second)
	}

	next := tell(t, "slack", "email") // goes on where the first stopped, and counts no answer twice
	next.env.SetStartTime(days(60).Add(2 * time.Hour))
	next.at(start.Add(time.Hour), func() {
		next.env.SignalWorkflow(workflows.SignalAcknowledge, workflows.AcknowledgeRequest{Request: workflows.Request{ID: "signal-199", Note: "signal-199"}})
	})
	next.at(start.Add(48*time.Hour), next.retireNow)
	next.resume(again)
	want(t, next.heard(),
		"03-03 01:00:00 team by email: P3 expiring",
		"03-03 07:00:00 boss by slack: P3 expiring",
		"03-03 13:00:00 watch by email: P3 expiring",
		"03-03 13:00:00 watch by slack: P3 expiring",
	)
	for _, x := range next.journal {
		if x.Note == "signal-199" && x.Sequence > e.Sequence {
			t.Errorf("an answer was counted twice: %+v", x)
		}
	}
}

func TestARunIsHandedOverOnceAVersionWasReplaced(t *testing.T) {
	s := tell(t, "slack")
	s.at(days(40), func() {
		s.mu.Lock()
		s.served = version("a.test", days(40), 90*24*time.Hour)
		s.mu.Unlock()
	})
	s.run(lifecycle.Spec{}, days(80))
	e := s.handed()
	if e.Runs != 1 || len(e.State.Flights) != 0 || e.State.Live.Fingerprint != s.served.Fingerprint {
		t.Errorf("runs %d, under way %v, live %s", e.Runs, e.State.Flights, e.State.Live.Fingerprint.Short())
	}
}

func TestWhatARunHasShownIsNotShownAgainByTheNext(t *testing.T) {
	play := func(e workflows.Entity, from time.Time) (*story, map[string]int) {
		s := tell(t, "slack")
		l := &labels{t: t, seen: map[string]int{}}
		s.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{l}})
		s.env.SetStartTime(from)
		s.served = e.State.Live
		s.at(start.Add(time.Hour), func() { s.env.SetContinueAsNewSuggested(true) })
		s.at(start.Add(time.Hour+time.Minute), func() {
			s.env.UpdateWorkflow(workflows.ObserveNow.Name, "", discard{}, workflows.Request{By: "test"})
		})
		s.resume(e)
		return s, l.seen
	}
	spec := lifecycle.Spec{Name: "a", Names: []string{"a.test"}, Owner: "owner", Policy: lifecycle.Default(), Endpoints: []cert.Endpoint{{Host: "a.test", Port: 443}}}
	s, first := play(workflows.Entity{Shown: &lifecycle.Attributes{}, State: lifecycle.State{Spec: spec, EnrolledAt: start, EnrolledBy: "test"}}, start)
	if first["search attributes"] == 0 || first["memo"] == 0 {
		t.Errorf("the first run shows nothing: %v", first)
	}
	e := s.handed()
	if e.Shown == nil || e.Shown.State == "" {
		t.Fatalf("what was shown is not handed over: %+v", e.Shown)
	}
	e.Shown.NextStepAt = time.Time{} // else nothing has to be shown
	_, second := play(e, start.Add(2*time.Hour))
	if second["memo"] != 0 || second["search attributes"] == 0 {
		t.Errorf("the next run shows more than what changed: %v", second)
	}
}

func TestAPageIsSentAlthoughTheRunIsAboutToBeHandedOver(t *testing.T) {
	p := lifecycle.Default()
	p.Inform, p.Thresholds = 0, []lifecycle.Threshold{{Left: lifecycle.Span{Fixed: 30*24*time.Hour - 30*time.Minute}, Severity: alert.P1}}
	s := tell(t, "slack", "email").withRenewals(func(ctx workflow.Context, _ workflows.RenewalInput) (workflows.RenewalOutput, error) {
		return workflows.RenewalOutput{Kind: string(lifecycle.CAUnavailable)}, workflow.Sleep(ctx, 2*time.Hour)
	})
	s.at(days(60).Add(10*time.Minute), func() { s.env.SetContinueAsNewSuggested(true) })
	s.run(lifecycle.Spec{Managed: true, Policy: p}, days(70))
	if e := s.handed(); len(e.State.Flights) != 0 {
		t.Errorf("handed over with %v under way", e.State.Flights)
	}
	if heard := s.heard(); !slices.ContainsFunc(heard, func(l string) bool { return contains(l, "03-02 01:00") && contains(l, "P1 expiring") }) {
		t.Errorf("nobody was paged while the attempt went on:\n%s", join(heard))
	}
}

func TestASignalThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	s := tell(t, "slack", "email")
	s.at(days(60).Add(time.Hour), func() {
		s.env.SignalWorkflow(workflows.SignalAcknowledge, "nonsense")
		s.env.SignalWorkflow(workflows.SignalObserved, []cert.Observation{{Endpoint: cert.Endpoint{Host: "a.test", Port: 443}, At: days(60), Version: version("a.test", days(60), 90*24*time.Hour)}})
	})
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.5))
	if e := s.handed(); e.State.Live.NotBefore != days(60) {
		t.Errorf("what the scanner saw was not taken in: live since %s", e.State.Live.NotBefore)
	}
}
