package metrics

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
)

// Interceptor counts what activities did, and logs those that failed.
func (m *Metrics) Interceptor() interceptor.WorkerInterceptor { return &counting{metrics: m} }

type counting struct {
	interceptor.WorkerInterceptorBase
	metrics *Metrics
}

func (c *counting) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &inbound{interceptor.ActivityInboundInterceptorBase{Next: next}, c.metrics}
}

type inbound struct {
	interceptor.ActivityInboundInterceptorBase
	metrics *Metrics
}

// Init has the logger of every activity say what it is about.
func (i *inbound) Init(next interceptor.ActivityOutboundInterceptor) error {
	return i.Next.Init(&outbound{interceptor.ActivityOutboundInterceptorBase{Next: next}})
}

func (i *inbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	ctx = about(ctx, in.Args)
	begun := time.Now()
	out, err := i.Next.ExecuteActivity(ctx, in)
	if len(in.Args) > 0 {
		i.metrics.did(activity.GetInfo(ctx).ActivityType.Name, in.Args[0], out, err)
	}
	i.metrics.say(ctx, time.Since(begun), err)
	return out, err
}

// did counts what one activity did. It counts at least once: an activity whose
// worker dies in the moment of success is done, and counted, again.
func (m *Metrics) did(name string, in, out any, err error) {
	f := &m.facts
	switch in := in.(type) {
	case activities.RecordInput:
		if err == nil {
			f.recorded(in.Entries)
			f.givenUp(in.Undelivered)
		}
	case []delivery.Undelivered:
		if err == nil {
			f.givenUp(in)
		}
	case alert.Message:
		f.messages.WithLabelValues(f.names.value(in.Channel), f.names.value(in.Kind), outcome(err)).Inc()
	case activities.DeployInput:
		if name == "Prepare" || name == "Install" || name == "RollBack" {
			f.operations.WithLabelValues(strings.ToLower(name), m.kind(in.Target), outcome(err)).Inc()
		}
	case activities.VerifyInput:
		m.proof(in, out, err)
	}
}

func (m *Metrics) proof(in activities.VerifyInput, out any, err error) {
	how := outcome(err)
	if v, ok := out.(activities.Verified); ok && err == nil {
		how = "unproven"
		if v.Proven {
			how = "proven"
		}
	}
	var kinds []string
	for _, t := range in.Targets {
		kinds = append(kinds, m.kind(t))
	}
	for _, e := range in.Endpoints {
		kind := "none"
		if e.Target != "" {
			kind = m.kind(e.Target)
		}
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range slices.Compact(kinds) {
		m.facts.proofs.WithLabelValues(kind, how).Inc()
	}
}

func (m *Metrics) kind(target string) string {
	kind := m.options.TargetKind(target)
	if kind == "" {
		return "unknown"
	}
	return m.facts.names.value(kind)
}
