package workflows_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// longestSummary is what servers accept (limit.userMetadataSummarySize), less the quotes.
const longestSummary = 398

// labels holds that everything a workflow starts bears a summary.
type labels struct {
	interceptor.WorkerInterceptorBase
	t    *testing.T
	mu   sync.Mutex
	seen map[string]int // by kind; by kind and name; by summary
}

func (l *labels) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &labelsInbound{labels: l}
	i.Next = next
	return i
}

type labelsInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	labels *labels
}

func (i *labelsInbound) Init(out interceptor.WorkflowOutboundInterceptor) error {
	o := &labelsOutbound{labels: i.labels}
	o.Next = out
	return i.Next.Init(o)
}

type labelsOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	labels *labels
}

func (l *labels) check(kind, name, summary string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[kind]++
	l.seen[kind+" "+name]++
	l.seen[summary]++
	if summary == "" || len(summary) > longestSummary {
		l.t.Errorf("%s %s has the summary %q", kind, name, summary)
	}
}

func (o *labelsOutbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	options := workflow.GetActivityOptions(ctx)
	o.labels.check("activity", name, options.Summary)
	if options.ScheduleToCloseTimeout == 0 {
		o.labels.t.Errorf("activity %s is not bounded", name)
	}
	return o.Next.ExecuteActivity(ctx, name, args...)
}

func (o *labelsOutbound) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	options := workflow.GetLocalActivityOptions(ctx)
	o.labels.check("within the task", name, options.Summary)
	if options.ScheduleToCloseTimeout == 0 || options.ScheduleToCloseTimeout > time.Second {
		o.labels.t.Errorf("activity %s holds the workflow task for %s", name, options.ScheduleToCloseTimeout)
	}
	return o.Next.ExecuteLocalActivity(ctx, name, args...)
}

func (o *labelsOutbound) ExecuteChildWorkflow(ctx workflow.Context, name string, args ...any) workflow.ChildWorkflowFuture {
	options := workflow.GetChildWorkflowOptions(ctx)
	o.labels.check("child", name, options.StaticSummary)
	if name == "RenewalWorkflow" && options.WorkflowExecutionTimeout == 0 {
		o.labels.t.Errorf("child %s is not bounded", name)
	}
	return o.Next.ExecuteChildWorkflow(ctx, name, args...)
}

func (o *labelsOutbound) SideEffectWithOptions(ctx workflow.Context, options workflow.SideEffectOptions, f func(workflow.Context) any) converter.EncodedValue {
	o.labels.check("decision", "", options.Summary)
	return o.Next.SideEffectWithOptions(ctx, options, f)
}

func (o *labelsOutbound) UpsertTypedSearchAttributes(ctx workflow.Context, attributes ...temporal.SearchAttributeUpdate) error {
	o.labels.mu.Lock()
	o.labels.seen["search attributes"]++
	o.labels.mu.Unlock()
	return o.Next.UpsertTypedSearchAttributes(ctx, attributes...)
}

func (o *labelsOutbound) UpsertMemo(ctx workflow.Context, memo map[string]any) error {
	o.labels.mu.Lock()
	o.labels.seen["memo"]++
	o.labels.mu.Unlock()
	return o.Next.UpsertMemo(ctx, memo)
}

func (o *labelsOutbound) NewTimer(ctx workflow.Context, d time.Duration) workflow.Future {
	o.labels.check("timer", d.String(), "")
	return o.Next.NewTimer(ctx, d)
}

func (o *labelsOutbound) NewTimerWithOptions(ctx workflow.Context, d time.Duration, options workflow.TimerOptions) workflow.Future {
	o.labels.check("timer", d.String(), options.Summary)
	return o.Next.NewTimerWithOptions(ctx, d, options)
}

func (o *labelsOutbound) Sleep(ctx workflow.Context, d time.Duration) error {
	o.labels.check("timer", d.String(), "")
	return o.Next.Sleep(ctx, d)
}

func TestEverythingThatIsStartedHasASummaryAndAnEnd(t *testing.T) {
	seen := map[string]int{}
	l := &labels{t: t, seen: seen}

	s := tell(t, "slack", "email") // watched: looks, notices, edits, the journal, sleeping
	s.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{l}})
	s.refuses["slack"] = true
	s.acknowledge(days(61), "owner")
	s.run(lifecycle.Spec{Policy: ladder()}, days(70))

	m := tell(t, "slack") // managed: children too
	m.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{l}})
	m.withRenewals(m.story.RenewalWorkflow)
	m.run(lifecycle.Spec{Managed: true, CA: strings.Repeat("unknown ", 100), Targets: []string{"web"}}, days(61))

	c := keepAccount(t) // an account: leases, probes, events
	c.away = refused
	c.env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{l}})
	c.at(time.Second, func() {
		c.report(activities.Report{Certificate: "a", Kind: activities.Unavailable, Cause: "connection refused"})
	})
	c.at(time.Hour, func() { c.report(activities.Report{Certificate: "a"}) })
	c.play(2 * time.Hour)

	in := two()
	in.Names = make([]string, 100)
	for i := range in.Names {
		in.Names[i] = strings.Repeat("a", 50) + ".test"
	}
	for _, fails := range []map[string]error{nil, {"Install web1": failing("other")}} {
		(&script{fails: fails}).run(t, in, l)
	}
	for _, kind := range []string{"activity", "within the task", "timer", "child", "decision"} {
		if seen[kind] == 0 {
			t.Errorf("no %s was seen: the test holds nothing", kind)
		}
	}
}
