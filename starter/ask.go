package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// call sends an update to a certificate and waits for its answer.
func call[In, Out any](ctx context.Context, c *cli, u workflows.Update[In, Out], name string, in In) (Out, error) {
	return within(ctx, c, u.Name+" of "+name, func(ctx context.Context, conn client.Client) (Out, error) {
		return u.Ask(ctx, c.gate(conn), name, in)
	})
}

// within connects, and does something in the time that an answer may take. A
// change that was sent and not answered in that time is not confirmed; about says
// what it is about.
func within[Out any](ctx context.Context, c *cli, about string, do func(context.Context, client.Client) (Out, error)) (Out, error) {
	var none Out
	conn, err := c.connect(ctx)
	if err != nil {
		return none, err
	}
	waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	out, err := do(waiting, conn)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil && !noEngine(err) {
		return none, fmt.Errorf("%s: %w", about, errUnanswered)
	}
	return out, err
}

// gate holds people of the directory, where one is configured here, to what they
// may do. That guards against mistakes: whoever types has Temporal at hand.
func (c *cli) gate(conn client.Client) *workflows.Gate {
	return &workflows.Gate{Client: conn, Directory: c.config.Directory, Trusting: true}
}

// hand runs one of the workers' activities on a certificate by itself, for what
// only they can read.
func hand[Out any](ctx context.Context, c *cli, activity, name string) (Out, error) {
	return work[Out](ctx, c, activity, name, c.timeout.value, name)
}

// work runs one of the workers' activities by itself; name says what it is about.
func work[Out any](ctx context.Context, c *cli, activity, name string, within time.Duration, in any) (Out, error) {
	var out Out
	conn, err := c.connect(ctx)
	if err != nil {
		return out, err
	}
	// No deadline: Temporal keeps a second of it back, and so waits for no answer
	// where there is but one.
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(within, cancel).Stop()
	h, err := conn.ExecuteActivity(waiting, client.StartActivityOptions{
		ID: "cli/" + strings.ToLower(activity) + "/" + name + "/" + newID(), TaskQueue: c.config.Temporal.TaskQueue,
		ScheduleToCloseTimeout: within, Summary: "asked for by the CLI",
	}, activity, in)
	if err == nil {
		err = h.Get(waiting, &out)
	}
	switch {
	case err == nil, ctx.Err() != nil, noEngine(err):
		return out, err
	case isA[*serviceerror.Unimplemented](err), isA[*serviceerror.PermissionDenied](err):
		return out, problem{exitFailed, fmt.Sprintf("%s of %s cannot be read: this Temporal cluster runs no activities by themselves "+
			"(dynamic configuration activity.enableStandalone, server 1.31 or later): %v", strings.ToLower(activity), name, err)}
	case waiting.Err() != nil:
		return out, fmt.Errorf("%s of %s: %w", activity, name, errNoWorker)
	}
	return out, err
}

// ask queries a certificate's status. One that was retired is not there any more.
func (c *cli) ask(ctx context.Context, name string) (workflows.Status, error) {
	return c.askFor(ctx, name, c.timeout.value)
}

// askFor is ask with another patience.
func (c *cli) askFor(ctx context.Context, name string, limit time.Duration) (workflows.Status, error) {
	var out workflows.Status
	conn, err := c.connect(ctx)
	if err != nil {
		return out, err
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := query(waiting, conn, name)
	for err == nil && answer.QueryRejected.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW { // the next run has begun meanwhile
		select {
		case <-waiting.Done():
		case <-time.After(50 * time.Millisecond):
		}
		answer, err = query(waiting, conn, name)
	}
	switch {
	case isA[*serviceerror.NotFound](err):
		return out, fmt.Errorf("%s: %w", name, workflows.ErrNotEnrolled)
	case err != nil && waiting.Err() != nil && ctx.Err() == nil && !noEngine(err):
		return out, fmt.Errorf("status of %s: %w", name, errNoWorker)
	case err != nil:
		return out, err
	case answer.QueryRejected != nil:
		return out, problem{exitNotFound, fmt.Sprintf("%s is not enrolled any more (%s); its journal is still there: neverlapse history %s",
			name, strings.ToLower(answer.QueryRejected.GetStatus().String()), name)}
	}
	return out, answer.QueryResult.Get(&out)
}

func query(ctx context.Context, conn client.Client, name string) (*client.QueryWorkflowWithOptionsResponse, error) {
	return conn.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID: workflows.WorkflowID(name), QueryType: workflows.QueryStatus, QueryRejectCondition: enums.QUERY_REJECT_CONDITION_NOT_OPEN,
	})
}

// await asks again and again until done, for at most limit.
func (c *cli) await(ctx context.Context, name string, limit time.Duration, done func(lifecycle.State) bool) (workflows.Status, error) {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := 100 * time.Millisecond
	for {
		s, err := c.ask(waiting, name)
		switch {
		case err == nil && done(s.State):
			return s, nil
		case waiting.Err() != nil && ctx.Err() == nil:
			return s, problem{exitUnreachable, fmt.Sprintf("not finished within %s; it goes on: neverlapse status %s", lifecycle.FormatDuration(limit), name)}
		case err != nil:
			return s, err
		}
		select {
		case <-waiting.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// gone waits for the end of a certificate's workflow and reports whether it
// came in time.
func (c *cli) gone(ctx context.Context, name string) (bool, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return false, err
	}
	waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	err = conn.GetWorkflow(waiting, workflows.WorkflowID(name), "").Get(waiting, nil)
	if waiting.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}
