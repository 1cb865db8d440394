package workflows_test

import (
	"maps"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// spent counts what a watched certificate asks of the engine between two instants.
func spent(t *testing.T, from, until time.Time, o worker.Options, meanwhile func(*story)) map[string]int {
	t.Helper()
	l := &labels{t: t, seen: map[string]int{}}
	s := tell(t, "slack")
	o.Interceptors = []interceptor.WorkerInterceptor{l}
	s.env.SetWorkerOptions(o)
	counted := func() map[string]int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return maps.Clone(l.seen)
	}
	var before, after map[string]int
	s.at(from, func() { before = counted() })
	s.at(until, func() { after = counted() })
	meanwhile(s)
	s.run(lifecycle.Spec{}, until.Add(time.Hour))
	for what, n := range before {
		after[what] -= n
	}
	return after
}

func nothing(*story) {}

// older makes a worker take no patch, as one does beside workers of older releases.
var older = worker.Options{PreferredVersionProvider: func(in worker.PreferredVersionProviderInput) *worker.VersionPreference {
	return &worker.VersionPreference{Version: in.MinSupported}
}}

func TestAQuietDayIsOneTimerOneLookAndOneDecision(t *testing.T) {
	for name, c := range map[string]struct {
		options                          worker.Options
		timers, looks, decisions, writes int
	}{
		"alone":                     {worker.Options{}, 1, 1, 1, 0},
		"beside an older release's": {older, 2, 1, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			const quiet = 10
			seen := spent(t, days(5.5), days(5.5+quiet), c.options, nothing)
			for what, want := range map[string]int{"timer": c.timers, "activity": c.looks, "activity Observe": c.looks, "decision": c.decisions, "search attributes": c.writes, "memo": c.writes} {
				if got := seen[what]; got != want*quiet {
					t.Errorf("%s: %d in %d days, want %d", what, got, quiet, want*quiet)
				}
			}
		})
	}
}

func TestWhoIsToldIsLookedUpWithinTheTask(t *testing.T) {
	for name, c := range map[string]struct {
		options         worker.Options
		within, outside int
	}{
		"alone":                     {worker.Options{}, 1, 0},
		"beside an older release's": {older, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			seen := spent(t, days(59.5), days(60.5), c.options, nothing)
			for what, want := range map[string]int{"within the task Address": c.within, "activity Address": c.outside, "activity Deliver": 1} {
				if seen[what] != want {
					t.Errorf("%s: %d, want %d: %v", what, seen[what], want, seen)
				}
			}
		})
	}
}

// What is foreseen holds only as long as nothing happens.
func TestWhatHappensBetweenTwoLooksCountsAtOnce(t *testing.T) {
	often := lifecycle.Default()
	often.ObserveEvery = lifecycle.Span{Fixed: 6 * time.Hour}
	for what, c := range map[string]struct {
		happens func(*story)
		looks   int
	}{
		"nothing": {nothing, 2}, // day 6 and day 7
		"a policy that looks every six hours": {func(s *story) {
			s.at(days(5.5), func() {
				s.env.UpdateWorkflow(workflows.SetPolicy.Name, "policy", discard{}, workflows.SetPolicyRequest{Request: workflows.Request{ID: "policy", By: "test"}, Policy: often})
			})
		}, 9}, // from day 5.5 to day 7.5
		"somebody asks for a look": {func(s *story) {
			s.at(days(5.5), func() {
				s.env.UpdateWorkflow(workflows.ObserveNow.Name, "look", discard{}, workflows.Request{ID: "look", By: "test"})
			})
		}, 3}, // days 5.5, 6.5 and 7.5
	} {
		if got := spent(t, days(5.4), days(7.6), worker.Options{}, c.happens)["activity Observe"]; got != c.looks {
			t.Errorf("%s: %d looks, want %d", what, got, c.looks)
		}
	}
}
