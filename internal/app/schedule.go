package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/workflows"
)

// schedule has the fleet gone through regularly, as the configuration says.
// Every worker does it at its start, to the same effect.
func (a *App) schedule(ctx context.Context) error {
	if len(a.config.CAs) == 0 {
		return nil
	}
	id := workflows.InventoryID(workflows.RenewalInfo)
	spec := client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: a.config.RenewalInfo.PollEvery}}}
	action := &client.ScheduleWorkflowAction{
		ID: id, Workflow: "InventoryWorkflow", TaskQueue: a.config.Temporal.TaskQueue,
		Args:                     []any{workflows.InventoryInput{Kind: workflows.RenewalInfo}},
		WorkflowExecutionTimeout: 6 * time.Hour,
		StaticSummary:            "ask the CAs when to renew (ARI)",
	}
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
