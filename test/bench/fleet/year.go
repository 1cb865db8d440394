package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// A kind of thing that workflows do: what it adds to histories, and what Temporal
// Cloud bills (docs.temporal.io/cloud/actions).
type kind struct {
	name            string
	events, actions int // of one
}

// The kinds. Workflow tasks come one after each thing that happened to a run;
// where two happen at once a real engine needs one less.
var kinds = []kind{
	{"run begun", 1, 1},      // by a start, a child or continue-as-new
	{"run ended", 1, 0},      // completed or continued as new
	{"timer", 2, 1},          // started, fired or cancelled
	{"activity", 3, 1},       // scheduled, started, completed
	{"local activity", 1, 1}, // a marker; those of one workflow task are billed as one
	{"decision", 1, 1},       // a side effect: a marker
	{"patch", 2, 0},          // the way that a run goes: a marker, and a search attribute that is free
	{"child", 3, 0},          // initiated, started, completed; its run is counted as such
	{"search attributes", 1, 1},
	{"memo", 1, 0},
	{"workflow task", 3, 0}, // scheduled, started, completed
}

// year is how often each kind happened to one certificate in a year.
type year struct {
	lifetime time.Duration
	renewals int
	counts   map[string]int
}

func (y year) events() (n int) {
	for _, k := range kinds {
		n += k.events * y.counts[k.name]
	}
	return n
}

func (y year) actions() (n int) {
	for _, k := range kinds {
		n += k.actions * y.counts[k.name]
	}
	return n
}

const oneYear = 365 * 24 * time.Hour

func allYears() (out []year, err error) {
	for _, days := range []int{90, 47} {
		y, err := live(time.Duration(days) * 24 * time.Hour)
		if err != nil {
			return nil, fmt.Errorf("a year of certificates of %d days: %w", days, err)
		}
		out = append(out, y)
	}
	return out, nil
}

// yearTable shows the years, and beside them the cheapest poll there is: one
// workflow with a timer and one activity for each look.
func yearTable(years []year) string {
	var b strings.Builder
	b.WriteString("| one certificate in a year |")
	for _, y := range years {
		fmt.Fprintf(&b, " %d days, %d renewals |", int(y.lifetime.Hours()/24), y.renewals)
	}
	b.WriteString(" a daily poll | an hourly poll |\n|---|" + strings.Repeat("---|", len(years)+2) + "\n")
	const daily, hourly = 365, 365 * 24
	polls := func(k kind) [2]int {
		switch k.name {
		case "timer", "activity":
			return [2]int{daily, hourly}
		case "workflow task":
			return [2]int{2 * daily, 2 * hourly}
		}
		return [2]int{}
	}
	var events, actions [2]int
	for _, k := range kinds {
		fmt.Fprintf(&b, "| %s (events %d, actions %d) |", k.name, k.events, k.actions)
		for _, y := range years {
			fmt.Fprintf(&b, " %d |", y.counts[k.name])
		}
		for i, n := range polls(k) {
			events[i], actions[i] = events[i]+n*k.events, actions[i]+n*k.actions
			fmt.Fprintf(&b, " %d |", n)
		}
		b.WriteString("\n")
	}
	row := func(name string, of func(year) int, polls [2]int) {
		fmt.Fprintf(&b, "| **%s** |", name)
		for _, y := range years {
			fmt.Fprintf(&b, " **%d** |", of(y))
		}
		fmt.Fprintf(&b, " **%d** | **%d** |\n", polls[0], polls[1])
	}
	row("history events", year.events, events)
	row("Temporal actions", year.actions, actions)
	return b.String()
}

// world is what happens around one certificate in virtual time: every activity
// goes well, and nobody has to be told.
type world struct {
	env      *testsuite.TestWorkflowEnvironment
	lifetime time.Duration
	end      time.Time

	mu     sync.Mutex
	served cert.Version
	issued int
	counts map[string]int
}

func (w *world) count(kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.env.Now().Before(w.end) {
		w.counts[kind]++
	}
}

func (w *world) version(from time.Time) cert.Version {
	return cert.Version{
		Fingerprint: cert.Fingerprint(strings.Repeat(fmt.Sprintf("%04x", w.issued+1), 16)), Serial: fmt.Sprint(w.issued + 1), Issuer: "CA",
		NotBefore: from, NotAfter: from.Add(w.lifetime), Names: []string{"shop.test"}, KeyAlgorithm: "EC256",
	}
}

// hands are the activities. Each must be asked for with what the real one takes.
type hands struct{ w *world }

// Observe sees what is served.
func (h *hands) Observe(_ context.Context, in activities.ObserveInput) ([]cert.Observation, error) {
	return h.look(in.Endpoints, in.Targets), nil
}

func (h *hands) look(endpoints []cert.Endpoint, targets []string) (out []cert.Observation) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	for _, e := range endpoints {
		out = append(out, cert.Observation{Endpoint: e, Address: "192.0.2.1:443", At: h.w.env.Now(), Version: h.w.served})
	}
	for _, t := range targets {
		out = append(out, cert.Observation{Target: t, At: h.w.env.Now(), Version: h.w.served})
	}
	return out
}

// Record writes the journal.
func (h *hands) Record(context.Context, activities.RecordInput) error { return nil }

// Candidate finds none.
func (h *hands) Candidate(context.Context, activities.IssueInput) (activities.Found, error) {
	return activities.Found{}, nil
}

// Order orders.
func (h *hands) Order(context.Context, activities.IssueInput) (string, error) {
	return "https://ca.test/order/1", nil
}

// Authorize answers the challenges.
func (h *hands) Authorize(context.Context, activities.IssueInput) error { return nil }

// Finalize obtains the next version.
func (h *hands) Finalize(context.Context, activities.IssueInput) (cert.Version, error) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.issued++
	return h.w.version(h.w.env.Now().UTC()), nil
}

// Prepare captures what a target has.
func (h *hands) Prepare(context.Context, activities.DeployInput) (activities.Prepared, error) {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	return activities.Prepared{Version: h.w.served}, nil
}

// Install has the server serve it.
func (h *hands) Install(_ context.Context, in activities.DeployInput) error {
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	h.w.served = h.w.version(h.w.env.Now().UTC())
	h.w.served.Fingerprint = in.Fingerprint
	return nil
}

// Verify sees what is served.
func (h *hands) Verify(_ context.Context, in activities.VerifyInput) (activities.Verified, error) {
	return activities.Verified{Observations: h.look(in.Endpoints, in.Targets)}, nil
}

// Promote makes a version the live one.
func (h *hands) Promote(context.Context, activities.PromoteInput) error { return nil }

// Release gives up the places, at the end.
func (h *hands) Release(context.Context, string) error { return nil }

// live plays a certificate for a year, renewed by the default policy.
func live(lifetime time.Duration) (year, error) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &world{lifetime: lifetime, end: begin.Add(oneYear), counts: map[string]int{}}
	w.served = w.version(begin)
	spec := lifecycle.Spec{
		Name: "shop", Names: []string{"shop.test"}, Owner: "owner", Team: "team", Managed: true, CA: "ca", KeyType: cert.EC256, Policy: lifecycle.Default(),
		Targets: []string{"web"}, Endpoints: []cert.Endpoint{{Host: "shop.test", Port: 443, Target: "web"}},
	}
	entity := workflows.Entity{Shown: &lifecycle.Attributes{}, State: lifecycle.State{Spec: spec, EnrolledAt: begin, EnrolledBy: "bench", TellsDrift: true}}
	for at := begin; ; {
		again, err := w.run(entity, at)
		if err != nil {
			return year{}, err
		}
		if again == nil {
			return year{lifetime, w.issued, w.counts}, nil
		}
		entity, at = *again, w.env.Now()
	}
}

// run plays one run of the entity; it gives what the next begins with, nil at the
// end of the year.
func (w *world) run(e workflows.Entity, at time.Time) (*workflows.Entity, error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(silent{})
	w.env = suite.NewTestWorkflowEnvironment()
	w.env.SetStartTime(at)
	w.env.SetTestTimeout(time.Minute)
	w.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&counter{w: w}}})
	w.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.WorkflowID("shop")})
	story := &workflows.Workflows{Brain: lifecycle.Next}
	w.env.RegisterWorkflow(story.CertificateWorkflow)
	w.env.RegisterWorkflow(story.RenewalWorkflow)
	w.env.RegisterActivity(&hands{w})
	w.env.SetOnActivityCompletedListener(func(*activity.Info, converter.EncodedValue, error) { w.count("workflow task") })
	w.env.SetOnTimerFiredListener(func(string) { w.count("workflow task") })
	w.env.SetOnChildWorkflowCompletedListener(func(*workflow.Info, converter.EncodedValue, error) { w.count("workflow task") })
	w.env.RegisterDelayedCallback(func() {
		w.env.UpdateWorkflow(workflows.Retire.Name, "", heedless{}, workflows.RetireRequest{Request: workflows.Request{By: "bench"}, Force: true})
	}, w.end.Sub(at))
	w.env.ExecuteWorkflow("CertificateWorkflow", e)
	if !w.env.IsWorkflowCompleted() {
		return nil, errors.New("the certificate neither rests nor ends")
	}
	w.count("run ended")
	err := w.env.GetWorkflowError()
	var next *workflow.ContinueAsNewError
	if errors.As(err, &next) {
		var again workflows.Entity
		err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &again)
		return &again, err
	}
	var failed *temporal.WorkflowExecutionError
	if errors.As(err, &failed) {
		return nil, failed
	}
	return nil, err
}

// heedless hears no answer.
type heedless struct{}

func (heedless) Accept()             {}
func (heedless) Reject(error)        {}
func (heedless) Complete(any, error) {}

type silent struct{}

var _ log.Logger = silent{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// counter counts what workflows ask for.
type counter struct {
	interceptor.WorkerInterceptorBase
	w *world
}

func (c *counter) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &inbound{w: c.w}
	i.Next = next
	return i
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase
	w *world
}

func (i *inbound) Init(out interceptor.WorkflowOutboundInterceptor) error {
	o := &outbound{w: i.w, patches: map[string]bool{}}
	o.Next = out
	return i.Next.Init(o)
}

func (i *inbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	i.w.count("run begun")
	i.w.count("workflow task")
	out, err := i.Next.ExecuteWorkflow(ctx, in)
	if workflow.GetInfo(ctx).ParentWorkflowExecution != nil {
		i.w.count("run ended")
	}
	return out, err
}

type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	w       *world
	patches map[string]bool // that the run has met
}

func (o *outbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o.w.count("activity")
	return o.Next.ExecuteActivity(ctx, name, args...)
}

func (o *outbound) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o.w.count("local activity")
	return o.Next.ExecuteLocalActivity(ctx, name, args...)
}

func (o *outbound) ExecuteChildWorkflow(ctx workflow.Context, name string, args ...any) workflow.ChildWorkflowFuture {
	o.w.count("child")
	o.w.count("workflow task") // that it has started
	return o.Next.ExecuteChildWorkflow(ctx, name, args...)
}

func (o *outbound) NewTimerWithOptions(ctx workflow.Context, d time.Duration, options workflow.TimerOptions) workflow.Future {
	o.w.count("timer")
	return o.Next.NewTimerWithOptions(ctx, d, options)
}

func (o *outbound) NewTimer(ctx workflow.Context, d time.Duration) workflow.Future {
	o.w.count("timer")
	return o.Next.NewTimer(ctx, d)
}

func (o *outbound) SideEffectWithOptions(ctx workflow.Context, options workflow.SideEffectOptions, f func(workflow.Context) any) converter.EncodedValue {
	o.w.count("decision")
	return o.Next.SideEffectWithOptions(ctx, options, f)
}

func (o *outbound) GetVersion(ctx workflow.Context, id string, least, most workflow.Version) workflow.Version {
	if !o.patches[id] {
		o.patches[id] = true
		o.w.count("patch")
	}
	return o.Next.GetVersion(ctx, id, least, most)
}

func (o *outbound) UpsertTypedSearchAttributes(ctx workflow.Context, attributes ...temporal.SearchAttributeUpdate) error {
	o.w.count("search attributes")
	return o.Next.UpsertTypedSearchAttributes(ctx, attributes...)
}

func (o *outbound) UpsertMemo(ctx workflow.Context, memo map[string]any) error {
	o.w.count("memo")
	return o.Next.UpsertMemo(ctx, memo)
}
