package harness

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// Moment is a point in the life of an activity as the wire sees it.
type Moment string

// The moments. At After the activity has had its effect and its result is not
// yet known to the engine. One that is done within a workflow task has no Before.
const (
	Before Moment = "before"
	After  Moment = "after"
)

// ErrDropped is what a hook returns to lose the task or the result.
var ErrDropped = errors.New("dropped by the test")

// Proxy stands between a worker and the engine and sees every activity go by.
type Proxy struct {
	Address string
	server  *grpc.Server
	conn    *grpc.ClientConn

	mu      sync.Mutex
	scatter bool
	tasks   map[string]handed // by their tokens
	hook    func(m Moment, activity, workflow string) error
	taken   func()
}

// handed is an activity in the hands of a worker.
type handed struct{ activity, workflow string }

// NewProxy starts one in front of an engine.
func NewProxy(upstream string) (*Proxy, error) {
	conn, err := grpc.NewClient(upstream, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	service, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{Client: workflowservice.NewWorkflowServiceClient(conn)})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Address: l.Addr().String(), conn: conn, tasks: map[string]handed{}}
	p.server = grpc.NewServer(grpc.UnaryInterceptor(p.intercept))
	workflowservice.RegisterWorkflowServiceServer(p.server, service)
	up := health.NewServer()
	up.SetServingStatus("temporal.api.workflowservice.v1.WorkflowService", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(p.server, up)
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

// OnActivity calls f before an activity reaches the worker and after the worker
// reported it; with an error from f the task or the result is lost.
func (p *Proxy) OnActivity(f func(m Moment, activity string) error) {
	p.OnActivityOf(func(m Moment, activity, _ string) error { return f(m, activity) })
}

// OnActivityOf does so with the ID of the workflow, which is empty for what is
// done within a workflow task.
func (p *Proxy) OnActivityOf(f func(m Moment, activity, workflow string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook = f
}

// OnAnswer calls f when the engine has taken an update or a signal, as people's
// answers are sent, and whoever sent it has not heard so yet.
func (p *Proxy) OnAnswer(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = f
}

// Scatter has every workflow task go to whichever worker asks first, which then
// replays the run: none stays with the worker that had the one before.
func (p *Proxy) Scatter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scatter = true
}

// Close ends it.
func (p *Proxy) Close() {
	p.server.Stop()
	_ = p.conn.Close()
}

func (p *Proxy) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	switch done := req.(type) {
	case *workflowservice.RespondActivityTaskCompletedRequest:
		if err := p.see(After, p.taskOf(done.TaskToken)); err != nil {
			return nil, err
		}
	case *workflowservice.RespondWorkflowTaskCompletedRequest:
		if err := p.doneWithin(done); err != nil {
			return nil, err
		}
		p.mu.Lock()
		if p.scatter {
			done.StickyAttributes = nil
		}
		p.mu.Unlock()
	}
	resp, err := handle(ctx, req)
	if err != nil {
		return resp, err
	}
	switch r := resp.(type) {
	case *workflowservice.PollActivityTaskQueueResponse:
		err = p.handOut(r)
	case *workflowservice.RespondWorkflowTaskCompletedResponse: // activities may be handed out eagerly
		err = p.handOut(r.GetActivityTasks()...)
	case *workflowservice.UpdateWorkflowExecutionResponse, *workflowservice.SignalWorkflowExecutionResponse:
		p.tookAnswer()
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func (p *Proxy) handOut(tasks ...*workflowservice.PollActivityTaskQueueResponse) error {
	for _, task := range tasks {
		if len(task.GetTaskToken()) == 0 {
			continue
		}
		h := handed{task.GetActivityType().GetName(), task.GetWorkflowExecution().GetWorkflowId()}
		p.mu.Lock()
		p.tasks[string(task.TaskToken)] = h
		p.mu.Unlock()
		if err := p.see(Before, h); err != nil {
			return err
		}
	}
	return nil
}

// doneWithin sees the activities that were done within the workflow task: their
// results come with what follows from them.
func (p *Proxy) doneWithin(task *workflowservice.RespondWorkflowTaskCompletedRequest) error {
	for _, c := range task.GetCommands() {
		name := LocalActivity(c.GetRecordMarkerCommandAttributes().GetDetails())
		if name == "" {
			continue
		}
		if err := p.see(After, handed{activity: name}); err != nil {
			return err
		}
	}
	return nil
}

// LocalActivity gives the type of the activity whose result the details of a
// marker are; "" if they are of another marker.
func LocalActivity(details map[string]*common.Payloads) string {
	var of struct{ ActivityType string }
	if data := details["data"].GetPayloads(); len(data) == 0 || json.Unmarshal(data[0].GetData(), &of) != nil {
		return ""
	}
	return of.ActivityType
}

func (p *Proxy) taskOf(token []byte) handed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tasks[string(token)]
}

func (p *Proxy) tookAnswer() {
	p.mu.Lock()
	taken := p.taken
	p.mu.Unlock()
	if taken != nil {
		taken()
	}
}

func (p *Proxy) see(m Moment, h handed) error {
	p.mu.Lock()
	hook := p.hook
	p.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(m, h.activity, h.workflow)
}
