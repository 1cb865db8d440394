package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
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
