package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// renewalStep is one activity or workflow task of a renewal.
type renewalStep struct {
	what   string
	after  time.Duration // the renewal was asked for
	waited time.Duration // for a worker to take it
	ran    time.Duration // in the worker's hands
}

// renewal is one that nothing else went on beside.
type renewal struct {
	steps  []renewalStep
	events int // in the history of its workflow
	took   time.Duration
}

// alone renews one more certificate while nothing else happens, and reads from
// the history of its workflow when each step was taken.
func alone(ctx context.Context, w *world, c client.Client) (renewal, error) {
	old, err := enrolled(ctx, c, w.n)
	if err == nil {
		err = w.settled(ctx, c, w.n, old)
	}
	if err != nil {
		return renewal{}, err
	}
	began := time.Now()
	took, err := renewed(ctx, c, w.n, old)
	if err != nil {
		return renewal{}, err
	}

	r := renewal{took: took}
	scheduled := map[int64]*history.HistoryEvent{}
	started := map[int64]*history.HistoryEvent{}
	all := c.GetWorkflowHistory(ctx, renewalID(w.n, old), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		e, err := all.Next()
		if err != nil {
			return r, err
		}
		r.events++
		var asked, begun *history.HistoryEvent
		switch e.GetEventType() {
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
			scheduled[e.GetEventId()] = e
			continue
		case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started[e.GetActivityTaskStartedEventAttributes().GetScheduledEventId()] = e
			continue
		case enums.EVENT_TYPE_WORKFLOW_TASK_STARTED:
			started[e.GetWorkflowTaskStartedEventAttributes().GetScheduledEventId()] = e
			continue
		case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			id := e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()
			asked, begun = scheduled[id], started[id]
		case enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			id := e.GetWorkflowTaskCompletedEventAttributes().GetScheduledEventId()
			asked, begun = scheduled[id], started[id]
		default:
			continue
		}
		at := asked.GetEventTime().AsTime()
		r.steps = append(r.steps, renewalStep{summary(asked), at.Sub(began), begun.GetEventTime().AsTime().Sub(at), e.GetEventTime().AsTime().Sub(begun.GetEventTime().AsTime())})
	}
	return r, nil
}

// summary is what the Web UI shows of an activity.
func summary(e *history.HistoryEvent) string {
	text := "workflow task"
	if p := e.GetUserMetadata().GetSummary(); p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, &text)
	}
	text, _, _ = strings.Cut(text, ":")
	return text
}

// String is the table of its steps; workflow tasks are summed up.
func (r renewal) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "One renewal while nothing else goes on took %s and %d events of history.\n\n| step | begins after | waits for a worker | runs |\n|---|---|---|---|\n", millis(r.took), r.events)
	tasks, waited, ran := 0, time.Duration(0), time.Duration(0)
	for _, s := range r.steps {
		if s.what == "workflow task" {
			tasks, waited, ran = tasks+1, waited+s.waited, ran+s.ran
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.what, millis(s.after), millis(s.waited), millis(s.ran))
	}
	fmt.Fprintf(&b, "| %d workflow tasks | | %s | %s |\n", tasks, millis(waited), millis(ran))
	return b.String()
}
