package workflows_test

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/workflows"
)

// keep plays the workflow that looks after the source "web", of which a day is the
// interval, until an instant.
func keep(t *testing.T, m *mast, until time.Duration) workflows.Source {
	t.Helper()
	m.env.RegisterWorkflow((&workflows.Workflows{}).SourceWorkflow)
	plan := workflows.SourcePlan{Kind: "files", Every: 24 * time.Hour, Team: "team"}
	m.at(until, func() {
		m.env.SetContinueAsNewSuggested(true)
		m.env.SignalWorkflow(workflows.SignalPlan, plan)
	})
	m.env.ExecuteWorkflow("SourceWorkflow", workflows.Source{Name: "web", Plan: plan})
	return handedTo[workflows.Source](t, m.env.GetWorkflowError())
}

func (m *mast) ran(when time.Duration, complete bool) {
	s := estate.Standing{Source: "web", Last: estate.Run{ID: when.String(), Started: start.Add(when), Ended: start.Add(when), Complete: complete}}
	if complete {
		s.Completed = start.Add(when)
	} else {
		s.Last.Failed = []source.Failure{{Places: "secret:prod/shop/", Why: "forbidden"}}
	}
	m.at(when, func() { m.env.SignalWorkflow(workflows.SignalRan, s) })
}

func TestASourceThatDoesNotCompleteForTwoIntervalsIsToldAndTheNextCompleteRunTakesItBack(t *testing.T) {
	m := keepChannel(t)
	day := 24 * time.Hour
	m.ran(day, true)
	m.ran(2*day, false)
	m.ran(day*5/2, false)
	m.ran(3*day+time.Hour, false)
	m.ran(4*day-time.Hour, true)
	left := keep(t, m, 5*day)
	want(t, m.told, "01-04 00:00 team by slack: firing source-incomplete ", "01-04 00:00 watch by slack: firing source-incomplete ")
	if len(m.edited) != 2 || m.edited[0].Notice.Phase != alert.Resolved || len(left.Alerts) != 0 || !left.Completed.Equal(start.Add(4*day-time.Hour)) {
		t.Errorf("%d messages were brought up to date; left %+v", len(m.edited), left)
	}
}

func TestASourceThatNeverRanIsToldAndOneThatIsConfiguredNoMoreIsNot(t *testing.T) {
	m := keepChannel(t)
	day := 24 * time.Hour
	m.env.RegisterWorkflow((&workflows.Workflows{}).SourceWorkflow)
	m.at(3*day-time.Hour, func() { m.env.SignalWorkflow(workflows.SignalPlan, workflows.SourcePlan{Gone: true}) })
	m.env.ExecuteWorkflow("SourceWorkflow", workflows.Source{Name: "web", Plan: workflows.SourcePlan{Every: day}})
	if err := m.env.GetWorkflowError(); err != nil || !m.env.IsWorkflowCompleted() {
		t.Fatal(err)
	}
	if len(m.told) != 2 || len(m.edited) != 2 || m.edited[0].Notice.Phase != alert.Resolved {
		t.Errorf("told %q, brought up to date %d", m.told, len(m.edited))
	}
}

func TestARenewalThatIsStuckElsewhereIsToldWithItsWordsUntilARunSeesThatItGotOn(t *testing.T) {
	m := keepChannel(t)
	day := 24 * time.Hour
	stuck := []estate.Stuck{{Place: "cert-manager:prod/shop/web", What: "cert-manager failed to issue it 3 times; Challenge web-1: wrong status code '404'"}}
	for when, x := range map[time.Duration][]estate.Stuck{time.Hour: stuck, 2 * time.Hour: stuck, 3 * time.Hour: nil} {
		s := estate.Standing{Source: "web", Completed: start.Add(when), Stuck: x, Last: estate.Run{ID: when.String(), Started: start, Ended: start.Add(when), Complete: true}}
		m.at(when, func() { m.env.SignalWorkflow(workflows.SignalRan, s) })
	}
	left := keep(t, m, day)
	want(t, m.told, "01-01 01:00 team by slack: firing renewal-stuck ", "01-01 01:00 watch by slack: firing renewal-stuck ")
	if len(m.edited) != 2 || m.edited[0].Notice.Phase != alert.Resolved || len(left.Alerts) != 0 {
		t.Errorf("%d messages were brought up to date; left %+v", len(m.edited), left)
	}
}
