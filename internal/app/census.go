package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/workflows"
)

// What the index says of certificates whose workflow was ended from outside, and
// of those that do not get on. The second is asked in a way that servers before
// 1.30 do not know.
const (
	endedFromOutside = "WorkflowType = 'CertificateWorkflow' AND ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled')"
	inTrouble        = everyCertificate + " AND TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')"
)

// census asks the engine which certificates it has workflows of.
type census struct {
	client    client.Client
	namespace string
}

// Running lists what runs. The memos are those that the entities keep up to date.
func (c *census) Running(ctx context.Context) (out []activities.Running, err error) {
	err = c.each(ctx, everyCertificate, func(name string, x *workflowpb.WorkflowExecutionInfo) {
		r := activities.Running{Name: name}
		remember(x.GetMemo().GetFields()["managed"], &r.Managed)
		remember(x.GetMemo().GetFields()["live"], &r.Live)
		r.Live.Names = nil // of many certificates they are many
		out = append(out, r)
	})
	return out, err
}

// standingPatience is how long a certificate may take to say how it stands.
const standingPatience = 10 * time.Second

// Standing asks a certificate how it stands.
func (c *census) Standing(ctx context.Context, name string) (cert.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, standingPatience)
	defer cancel()
	var s workflows.Status
	answer, err := c.client.QueryWorkflow(ctx, workflows.WorkflowID(name), "", workflows.QueryStatus)
	if err == nil {
		err = answer.Get(&s)
	}
	switch {
	case err != nil:
		return cert.Snapshot{}, fault.New(fault.Unavailable, "ask %s how it stands: %w", name, err)
	case s.Unread > 0:
		return cert.Snapshot{}, fault.New(fault.Conflict, "%s is writing its journal", name)
	}
	return workflows.SnapshotOf(time.Now(), s.State), nil
}

// Doubtful lists what was ended from outside or does not get on.
func (c *census) Doubtful(ctx context.Context) ([]string, error) {
	out, err := c.names(ctx, endedFromOutside)
	if err != nil {
		return nil, err
	}
	stuck, err := c.names(ctx, inTrouble)
	if unknown := (*serviceerror.InvalidArgument)(nil); errors.As(err, &unknown) {
		err = nil
	}
	return append(out, stuck...), err
}

func (c *census) names(ctx context.Context, query string) (out []string, err error) {
	err = c.each(ctx, query, func(name string, _ *workflowpb.WorkflowExecutionInfo) { out = append(out, name) })
	return out, err
}

func (c *census) each(ctx context.Context, query string, see func(name string, x *workflowpb.WorkflowExecutionInfo)) error {
	r := &workflowservice.ListWorkflowExecutionsRequest{Namespace: c.namespace, PageSize: standPage, Query: query}
	for {
		page, err := c.client.ListWorkflow(ctx, r)
		if err != nil {
			return fault.New(fault.Unavailable, "list the certificates: %w", err)
		}
		for _, x := range page.GetExecutions() {
			if name, ok := strings.CutPrefix(x.GetExecution().GetWorkflowId(), workflows.WorkflowID("")); ok {
				see(name, x)
			}
		}
		if r.NextPageToken = page.GetNextPageToken(); len(r.NextPageToken) == 0 {
			return nil
		}
	}
}

// Guard describes the latest run.
func (c *census) Guard(ctx context.Context, name string) (activities.Guard, error) {
	d, err := c.client.DescribeWorkflowExecution(ctx, workflows.WorkflowID(name), "")
	if missing := (*serviceerror.NotFound)(nil); errors.As(err, &missing) {
		return activities.Guard{}, nil
	}
	if err != nil {
		return activities.Guard{}, fault.New(fault.Unavailable, "ask the engine: %w", err)
	}
	x := d.GetWorkflowExecutionInfo()
	status := x.GetStatus()
	g := activities.Guard{
		There: true, Started: x.GetStartTime().AsTime(), Tries: int(d.GetPendingWorkflowTask().GetAttempt()),
		Running:  status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || status == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW,
		Finished: status == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED,
	}
	if !g.Running {
		g.Ended = x.GetCloseTime().AsTime()
	}
	for field, into := range map[string]any{"owner": &g.Owner, "team": &g.Team, "notAfter": &g.NotAfter} {
		remember(x.GetSearchAttributes().GetIndexedFields()[field], into)
	}
	if g.Finished || g.Running && g.Tries < 2 {
		return g, nil
	}
	g.Why = "its workflow is " + strings.ToLower(status.String())
	if g.Running {
		g.Why = fmt.Sprintf("its workflow task was tried %d times", g.Tries)
	}
	last, err := latest(ctx, c.client, c.namespace, x.GetExecution().GetWorkflowId(), x.GetExecution().GetRunId(), func(e *historypb.HistoryEvent) bool { return lastWords(e) != "" })
	if err == nil && last != nil { // without them it is told all the same
		g.Why = lastWords(last)
	}
	return g, nil
}

// latest goes back through the history of a run to the event that is wanted; nil
// if there is none.
func latest(ctx context.Context, c client.Client, namespace, id, run string, wanted func(*historypb.HistoryEvent) bool) (*historypb.HistoryEvent, error) {
	r := &workflowservice.GetWorkflowExecutionHistoryReverseRequest{Namespace: namespace, Execution: execution(id, run), MaximumPageSize: 100}
	for {
		page, err := c.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, e := range page.GetHistory().GetEvents() {
			if wanted(e) {
				return e, nil
			}
		}
		if r.NextPageToken = page.GetNextPageToken(); len(r.NextPageToken) == 0 {
			return nil, nil
		}
	}
}

// lastWords is what an event says of the end of a run, or of why it does not get
// on; "" if it says nothing of it.
func lastWords(e *historypb.HistoryEvent) string {
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		x := e.GetWorkflowExecutionTerminatedEventAttributes()
		text := "its workflow was terminated by " + x.GetIdentity()
		if x.GetReason() != "" {
			text += ": " + x.GetReason()
		}
		return text
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		return "its workflow failed: " + e.GetWorkflowExecutionFailedEventAttributes().GetFailure().GetMessage()
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		return "its workflow was given a time limit, which is over"
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED:
		x := e.GetWorkflowTaskFailedEventAttributes()
		return "its workflow task fails: " + x.GetFailure().GetMessage()
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
		return "no worker answers its workflow task in time"
	}
	return ""
}
