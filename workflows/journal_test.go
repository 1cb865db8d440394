package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestAJournalThatRefusesIsTriedNowAndThenAndLosesNothing(t *testing.T) {
	for _, refusal := range []error{
		fault.New(fault.Configuration, "permission denied"), // not retried by Temporal
		errors.New("connection reset"),                      // retried until the time is up
	} {
		s := tell(t, "slack")
		s.shut = refusal
		var then int
		s.at(start.Add(time.Hour), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.shut, then = nil, s.writes
		})
		s.run(lifecycle.Spec{}, start.Add(2*time.Hour))
		if most := 200; then > most || then < 3 {
			t.Errorf("%v: written %d times within an hour", refusal, then)
		}
		if s.journal[0].Kind != "enrolled" || s.journal[0].Sequence != 1 {
			t.Errorf("%v: the first entry is %+v", refusal, s.journal[0])
		}
		late := slices.IndexFunc(s.journal, func(e entry) bool { return e.Kind == "retired" })
		if late < 1 {
			t.Errorf("%v: nothing was written before the certificate was retired: %+v", refusal, s.journal)
		}
	}
}

func TestRetiringWaitsForTheJournal(t *testing.T) {
	s := tell(t, "slack")
	s.shut = fault.New(fault.Configuration, "permission denied")
	s.at(days(3), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.shut = nil
	})
	s.run(lifecycle.Spec{}, days(1))
	if err := s.env.GetWorkflowError(); err != nil {
		t.Fatalf("a certificate must never fail: %v", err)
	}
	if last := s.journal[len(s.journal)-1]; last.Kind != "retired" {
		t.Errorf("the last entry is %+v", last)
	}
}

func TestWhatHappensAtOnceIsWrittenToTheJournalAtOnce(t *testing.T) {
	s := tell(t, "slack").withRenewals(func(workflow.Context, workflows.RenewalInput) (workflows.RenewalOutput, error) {
		return workflows.RenewalOutput{Kind: string(lifecycle.ValidationFailed), Cause: "no"}, nil
	})
	l := &labels{t: t, seen: map[string]int{}}
	s.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{l}})
	s.at(days(1), func() {
		s.env.UpdateWorkflow(workflows.RenewNow.Name, "", discard{}, workflows.RenewRequest{Request: workflows.Request{By: "test"}, New: true})
	})
	s.run(lifecycle.Spec{Managed: true, CA: "ca"}, days(1.1))
	if l.seen["write the journal: renew-asked, attempt"] != 1 {
		t.Errorf("the question and what follows from it are not written at once: %v", l.seen)
	}
}

func TestWhatARunLeftUnwrittenIsWrittenByTheNext(t *testing.T) {
	left := []cert.Entry{{Sequence: 7, At: start, Kind: "outcome"}, {Sequence: 8, At: start, Kind: "renew-asked", By: "minji"}}
	for name, shut := range map[string]error{"within its first task": nil, "later, while the journal refuses": fault.New(fault.Configuration, "permission denied")} {
		s := tell(t, "slack")
		l := &labels{t: t, seen: map[string]int{}}
		s.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{l}})
		s.shut = shut
		s.at(start.Add(time.Hour), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.shut = nil
		})
		s.at(start.Add(2*time.Hour), s.retireNow)
		spec := lifecycle.Spec{Name: "a", Names: []string{"a.test"}, Owner: "owner", Policy: lifecycle.Default()}
		s.resume(workflows.Entity{Shown: &lifecycle.Attributes{}, Begun: true, Sequence: 8, Unread: left, Runs: 1, State: lifecycle.State{Spec: spec, EnrolledAt: start, EnrolledBy: "test"}})
		if len(s.journal) < 2 || s.journal[0].Sequence != 7 || s.journal[1].By != "minji" {
			t.Errorf("%s: the journal begins with %+v", name, s.journal[:min(2, len(s.journal))])
		}
		if n := l.seen["within the task Record"]; n != 1 {
			t.Errorf("%s: tried %d times within the task", name, n)
		}
	}
}
