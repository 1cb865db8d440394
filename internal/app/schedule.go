package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// schedule has the fleet gone through regularly, and teams told of their week, as
// the configuration says. Every worker does it at its start, to the same effect.
func (a *App) schedule(ctx context.Context) error {
	if len(a.config.CAs) > 0 {
		id := workflows.InventoryID(workflows.RenewalInfo)
		spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: a.config.RenewalInfo.PollEvery}}}
		action := &client.ScheduleWorkflowAction{
			ID: id, Workflow: "InventoryWorkflow", TaskQueue: a.config.Temporal.TaskQueue,
			Args:                     []any{workflows.InventoryInput{Kind: workflows.RenewalInfo}},
			WorkflowExecutionTimeout: 6 * time.Hour,
			StaticSummary:            "ask the CAs when to renew (ARI)",
		}
		if err := a.plan(ctx, id, spec, action); err != nil {
			return err
		}
	}
	if err := a.planRounds(ctx); err != nil {
		return err
	}
	if err := a.planCanary(ctx); err != nil {
		return err
	}
	if err := a.planSources(ctx); err != nil {
		return err
	}
	return a.scheduleDigests(ctx, a.config)
}

// roundLimit bounds a round: of a fleet that was lost whole each one is looked up.
const roundLimit = time.Hour

// planRounds has what is enrolled compared with what is guarded.
func (a *App) planRounds(ctx context.Context) error {
	action := &client.ScheduleWorkflowAction{
		ID: workflows.RoundsID, Workflow: "RoundsWorkflow", TaskQueue: a.config.Temporal.TaskQueue,
		WorkflowExecutionTimeout: roundLimit, StaticSummary: "is every certificate guarded that is enrolled?",
	}
	return a.plan(ctx, workflows.RoundsID, client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: a.config.Watchman.Every}}}, action)
}

// scheduleDigests has every team told of its week. The schedule of a team that is
// not there any more tells nobody.
func (a *App) scheduleDigests(ctx context.Context, c config.Config) error {
	for _, team := range c.Teams {
		id := workflows.DigestID(team.ID)
		spec, on := digestSpec(c.Digest, team)
		if !on {
			if err := a.unplan(ctx, id); err != nil {
				return err
			}
			continue
		}
		action := &client.ScheduleWorkflowAction{
			ID: id, Workflow: "DigestWorkflow", TaskQueue: a.config.Temporal.TaskQueue,
			Args:                     []any{workflows.WeeklyInput{Team: team.ID, Empty: c.Digest.Empty}},
			WorkflowExecutionTimeout: 6 * time.Hour,
			StaticSummary:            "tell team " + team.ID + " of its week",
		}
		if err := a.plan(ctx, id, spec, action); err != nil {
			return err
		}
	}
	return nil
}

// digestSpec is when a team is told: once a week by the clock on its wall.
func digestSpec(d config.Digest, team people.Team) (client.ScheduleSpec, bool) {
	day, hour, minute, on := d.When()
	return client.ScheduleSpec{
		Calendars: []client.ScheduleCalendarSpec{{
			DayOfWeek: []client.ScheduleRange{{Start: int(day)}}, Hour: []client.ScheduleRange{{Start: hour}}, Minute: []client.ScheduleRange{{Start: minute}},
		}},
		TimeZoneName: team.TimeZone,
	}, on
}

// plan makes a schedule, or brings the one that is there up to date.
func (a *App) plan(ctx context.Context, id string, spec client.ScheduleSpec, action *client.ScheduleWorkflowAction) error {
	a.planned.set(id, true)
	schedules := a.client.ScheduleClient()
	_, err := schedules.Create(ctx, client.ScheduleOptions{ID: id, Spec: spec, Action: action, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP})
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		err = schedules.GetHandle(ctx, id).Update(ctx, client.ScheduleUpdateOptions{
			DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				s := in.Description.Schedule
				s.Spec, s.Action = &spec, action
				return &client.ScheduleUpdate{Schedule: &s}, nil
			},
		})
	}
	if err != nil {
		return fmt.Errorf("schedule %s in namespace %q: %w", id, a.config.Temporal.Namespace, err)
	}
	return nil
}

// unplan removes a schedule, if there is one.
func (a *App) unplan(ctx context.Context, id string) error {
	a.planned.set(id, false)
	var missing *serviceerror.NotFound
	if err := a.client.ScheduleClient().GetHandle(ctx, id).Delete(ctx); err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("schedule %s in namespace %q: %w", id, a.config.Temporal.Namespace, err)
	}
	return nil
}

// planned are the IDs of the schedules that are to be there.
type planned struct{ ids sync.Map }

func (p *planned) set(id string, wanted bool) {
	if wanted {
		p.ids.Store(id, true)
	} else {
		p.ids.Delete(id)
	}
}

func (p *planned) all() (out []string) {
	p.ids.Range(func(id, _ any) bool { out = append(out, fmt.Sprint(id)); return true })
	return out
}
