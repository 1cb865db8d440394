package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/workflows"
)

// today is when every test happens.
var today = time.Date(2026, 6, 1, 3, 0, 0, 0, time.UTC)

// fake is an engine with one answer of each kind. What was sent is kept.
type fake struct {
	client.Client
	status  []workflows.Status // one for each query; the last for all that follow
	account *workflows.Account // answers for a budget
	rows    []*workflowpb.WorkflowExecutionInfo
	answers map[string]any // by update or activity
	failure error          // of every call but a signal
	endless bool           // workflows never end
	rounds  *workflows.RoundsOutput
	canary  *workflows.CanaryOutput

	mu      sync.Mutex
	updates []client.UpdateWorkflowOptions
	signals []any
	queries []string
	closed  bool
}

// value is what came over the wire.
type value struct{ of any }

func (v value) HasValue() bool { return v.of != nil }

func (v value) Get(into any) error {
	b, err := json.Marshal(v.of)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (f *fake) Close() { f.closed = true }

func (f *fake) QueryWorkflowWithOptions(_ context.Context, r *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error) {
	if f.account != nil && r.QueryType == workflows.QueryBudget {
		return &client.QueryWorkflowWithOptionsResponse{QueryResult: value{f.account}}, f.failure
	}
	if f.failure != nil || len(f.status) == 0 {
		return nil, errors.Join(f.failure)
	}
	s := f.status[0]
	if len(f.status) > 1 {
		f.status = f.status[1:]
	}
	return &client.QueryWorkflowWithOptionsResponse{QueryResult: value{s}}, nil
}

func (f *fake) QueryWorkflow(_ context.Context, id, _, query string, _ ...any) (converter.EncodedValue, error) {
	return value{f.answers[query+" "+id]}, f.failure
}

type updateHandle struct {
	client.WorkflowUpdateHandle
	value value
}

func (h updateHandle) Get(_ context.Context, into any) error { return h.value.Get(into) }

func (f *fake) UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.mu.Lock()
	f.updates = append(f.updates, o)
	f.mu.Unlock()
	if f.failure == errNoWorker { // as the SDK waits when nobody polls
		<-ctx.Done()
		return nil, client.NewWorkflowUpdateServiceTimeoutOrCanceledError(ctx.Err())
	}
	return updateHandle{value: value{f.answers[o.UpdateName]}}, f.failure
}

// DescribeWorkflowExecution tells whose certificate it is, as the first row says.
func (f *fake) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if len(f.rows) == 0 {
		return &workflowservice.DescribeWorkflowExecutionResponse{}, f.failure
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: f.rows[0]}, f.failure
}

func (f *fake) SignalWorkflow(_ context.Context, id, run, name string, arg any) error {
	f.signals = append(f.signals, arg)
	return nil
}

func (f *fake) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	f.queries = append(f.queries, r.Query)
	if len(r.NextPageToken) == 0 && len(f.rows) > 1 {
		return &workflowservice.ListWorkflowExecutionsResponse{Executions: f.rows[:1], NextPageToken: []byte("more")}, f.failure
	}
	return &workflowservice.ListWorkflowExecutionsResponse{Executions: f.rows[min(1, max(0, len(f.rows)-1)):]}, f.failure
}

type activityHandle struct {
	client.ActivityHandle
	value value
}

func (h activityHandle) Get(_ context.Context, into any) error { return h.value.Get(into) }

func (f *fake) ExecuteActivity(_ context.Context, _ client.StartActivityOptions, activity any, _ ...any) (client.ActivityHandle, error) {
	return activityHandle{value: value{f.answers[activity.(string)]}}, f.failure
}

type workflowRun struct {
	client.WorkflowRun
	value   value
	endless bool
}

func (r workflowRun) Get(ctx context.Context, into any) error {
	switch {
	case r.endless:
		<-ctx.Done()
		return ctx.Err()
	case into == nil:
		return nil
	}
	return r.value.Get(into)
}

// schedules has those of the rounds and of the canary, if there were any runs.
type schedules struct {
	client.ScheduleClient
	client.ScheduleHandle
	f  *fake
	id string
}

func (f *fake) ScheduleClient() client.ScheduleClient { return schedules{f: f} }

func (s schedules) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return schedules{f: s.f, id: id}
}

func (s schedules) Describe(context.Context) (*client.ScheduleDescription, error) {
	if s.id == workflows.RoundsID && s.f.rounds == nil || s.id == workflows.CanaryID && s.f.canary == nil {
		return nil, serviceerror.NewNotFound("no schedule")
	}
	run := func(id string) client.ScheduleActionResult {
		return client.ScheduleActionResult{StartWorkflowResult: &client.ScheduleWorkflowExecution{WorkflowID: id}}
	}
	return &client.ScheduleDescription{
		Schedule: client.Schedule{Spec: &client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: 30 * time.Minute}}}},
		Info: client.ScheduleInfo{
			RecentActions:    []client.ScheduleActionResult{run(s.id + "-1"), run(s.id + "-2")},
			RunningWorkflows: []client.ScheduleWorkflowExecution{{WorkflowID: s.id + "-2"}},
		},
	}, nil
}

func (f *fake) GetWorkflow(_ context.Context, id, _ string) client.WorkflowRun {
	switch id {
	case workflows.RoundsID + "-1":
		return workflowRun{value: value{f.rounds}}
	case workflows.CanaryID + "-1":
		return workflowRun{value: value{f.canary}}
	}
	return workflowRun{endless: f.endless}
}

func (f *fake) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	if f.answers == nil {
		f.answers = map[string]any{}
	}
	f.answers["started"], f.answers["input"] = o, args[0]
	kind, _, _ := strings.Cut(o.ID, "/")
	return workflowRun{value: value{f.answers[kind]}}, f.failure
}

// invoke runs the CLI against a fake, in Seoul, with nothing but env.
func invoke(t *testing.T, f *fake, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	return invoked(t, f, env, "", args...)
}

// invokeWith is invoke by somebody who types at it.
func invokeWith(t *testing.T, f *fake, typed string, args ...string) (code int, out, errs string) {
	t.Helper()
	return invoked(t, f, nil, typed, args...)
}

func invoked(t *testing.T, f *fake, env []string, typed string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	c := newCLI(append([]string{"NEVERLAPSE_USER=minji", "NEVERLAPSE_DATA=" + t.TempDir()}, env...), &o, &e)
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	c.zone, c.now = zone, func() time.Time { return today }
	c.dial = func(context.Context, config.Config) (client.Client, error) { return f, nil }
	c.look = func(context.Context, cert.Endpoint, []string) []cert.Observation { return nil }
	c.in = strings.NewReader(typed)
	code = c.run(t.Context(), args)
	return code, o.String(), e.String()
}

// indexed makes the index entry of a certificate.
func indexed(name string, attributes map[string]any) *workflowpb.WorkflowExecutionInfo {
	fields := map[string]*commonpb.Payload{}
	for k, v := range attributes {
		fields[k], _ = converter.GetDefaultDataConverter().ToPayload(v)
	}
	return &workflowpb.WorkflowExecutionInfo{
		Execution:        &commonpb.WorkflowExecution{WorkflowId: workflows.WorkflowID(name)},
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: fields},
	}
}

func managedMemo(t *testing.T) *commonpb.Memo {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(true)
	if err != nil {
		t.Fatal(err)
	}
	return &commonpb.Memo{Fields: map[string]*commonpb.Payload{"managed": p}}
}

func wantCode(t *testing.T, got, want int, errs string) {
	t.Helper()
	if got != want {
		t.Errorf("exit code %d, want %d: %s", got, want, errs)
	}
}

func wantText(t *testing.T, got string, pieces ...string) {
	t.Helper()
	for _, p := range pieces {
		if !strings.Contains(got, p) {
			t.Errorf("%q is missing in:\n%s", p, got)
		}
	}
}

func wantEqual(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

var missing = serviceerror.NewNotFound("workflow execution not found")
