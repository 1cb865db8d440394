package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/workflows"
)

// sourcesOf makes the sources of the inventory that a configuration names.
func sourcesOf(c config.Config, p parts, more []Kinds) (map[string]activities.Sourced, error) {
	var errs []error
	out := map[string]activities.Sourced{}
	kinds := sourceKinds(more)
	for i, x := range c.Sources {
		path := fmt.Sprintf("sources[%d]", i)
		f, err := of(kinds, path, x.Kind)
		if err == nil {
			s := activities.Sourced{Name: x.Name, Kind: x.Kind}
			s.Source, err = f(Means{Scanner: p.look, Dir: filepath.Join(c.Data, "sources", x.Name)}, x, path)
			out[x.Name] = s
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return out, errors.Join(errs...)
}

// sourcesInForce are those that count now.
type sourcesInForce struct {
	now atomic.Pointer[map[string]activities.Sourced]
}

func (s *sourcesInForce) set(all map[string]activities.Sourced) { s.now.Store(&all) }

func (s *sourcesInForce) all() map[string]activities.Sourced {
	if all := s.now.Load(); all != nil {
		return *all
	}
	return nil
}

// Bounds of a run: that of a very large network takes long, and a daily one begins
// at any time within the quarter of an hour after its time of day.
const (
	surveyLimit  = 24 * time.Hour
	surveyJitter = 15 * time.Minute
)

// planSources has every source gone through as the configuration says, and ends
// what goes on for those that it does not name any more. Every worker does it at
// its start, to the same effect.
func (a *App) planSources(ctx context.Context) error {
	c := a.inForce.config()
	all, err := sourcesOf(c, a.parts, a.more)
	if err != nil {
		return err
	}
	a.sources.set(all)
	for _, s := range c.Sources {
		action := &client.ScheduleWorkflowAction{
			ID: workflows.SurveyID(s.Name), Workflow: "SurveyWorkflow", TaskQueue: a.config.Temporal.TaskQueue,
			Args: []any{workflows.SurveyInput{Source: s.Name}}, WorkflowExecutionTimeout: surveyLimit,
			StaticSummary: "look around in " + s.Name,
		}
		if err := a.plan(ctx, workflows.SurveyID(s.Name), surveySpec(s), action); err != nil {
			return err
		}
		plan := workflows.SourcePlan{Kind: s.Kind, Every: s.Interval(), Team: s.Team}
		if err := a.keepSource(ctx, s.Name, plan); err != nil {
			return err
		}
	}
	return a.endSources(ctx, all)
}

// surveySpec is when a source is gone through.
func surveySpec(s config.Source) client.ScheduleSpec {
	hour, minute, daily := s.Daily()
	if !daily {
		return client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: s.Every}}, Jitter: min(surveyJitter, s.Every/10)}
	}
	return client.ScheduleSpec{
		Calendars:    []client.ScheduleCalendarSpec{{Hour: []client.ScheduleRange{{Start: hour}}, Minute: []client.ScheduleRange{{Start: minute}}}},
		TimeZoneName: s.TimeZone, Jitter: surveyJitter,
	}
}

// keepSource gives the workflow that looks after a source what is configured.
func (a *App) keepSource(ctx context.Context, name string, plan workflows.SourcePlan) error {
	options := client.StartWorkflowOptions{
		ID: workflows.SourceID(name), TaskQueue: a.config.Temporal.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "is source " + name + " gone through in time?",
	}
	if _, err := a.client.SignalWithStartWorkflow(ctx, options.ID, workflows.SignalPlan, plan, options, "SourceWorkflow", workflows.Source{Name: name, Plan: plan}); err != nil {
		return fmt.Errorf("source %s: the workflow that looks after it cannot be told: %w", name, err)
	}
	return nil
}

// endSources ends what goes on for sources that are configured no more.
func (a *App) endSources(ctx context.Context, configured map[string]activities.Sourced) error {
	running, err := running(ctx, a.client, a.config.Temporal, "SourceWorkflow", workflows.SourceID(""))
	if err != nil {
		return fmt.Errorf("list the sources: %w", err)
	}
	for _, name := range running {
		if _, ok := configured[name]; ok {
			continue
		}
		if err := a.unplan(ctx, workflows.SurveyID(name)); err != nil {
			return err
		}
		if err := a.client.SignalWorkflow(ctx, workflows.SourceID(name), "", workflows.SignalPlan, workflows.SourcePlan{Gone: true}); err != nil {
			return fmt.Errorf("source %s is configured no more, and its workflow cannot be told: %w", name, err)
		}
	}
	return nil
}
