package workflows_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// script is a world for one attempt: every activity goes well unless it says otherwise.
type script struct {
	fails  map[string]error        // by activity, and target where there is one: "Install web1"
	once   map[string]error        // the same, the first time
	before map[string]cert.Version // what a target had
	lost   string                  // why what a target had cannot be put back
	shows  map[string]cert.Version // what a place shows in the end; the version installed last if it says nothing
	spoils map[string]int          // a target has again what it had before, as of this look at it
	has    map[string]cert.Version
	hosts  map[string]activities.Prepared // of the targets that live on one
	terms  *activities.Terms              // of an order; nil: nobody keeps an account
	grants []budget.Grant                 // answers to leases; the last for all that follow
	told   []activities.ReportInput
	// unsettled is the CA whose order may have led to a certificate, settles what it led to.
	unsettled string
	settles   cert.Version

	mu    sync.Mutex
	calls []string
}

var (
	fresh   = version("fresh", start, 90*24*time.Hour)
	earlier = version("previous", start.Add(-60*24*time.Hour), 90*24*time.Hour)
	expired = version("old", start.Add(-100*24*time.Hour), 90*24*time.Hour)
)

func (s *script) do(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, name)
	if err := s.once[name]; err != nil {
		delete(s.once, name)
		return err
	}
	return s.fails[name]
}

func (s *script) called(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.DeleteFunc(slices.Clone(s.calls), func(c string) bool { return !strings.HasPrefix(c, prefix) })
	slices.Sort(out)
	return out
}

func (s *script) Candidate(context.Context, activities.IssueInput) (activities.Found, error) {
	return activities.Found{Terms: s.terms, Unsettled: s.unsettled}, s.do("Candidate")
}

func (s *script) Settle(context.Context, activities.IssueInput) (cert.Version, error) {
	return s.settles, s.do("Settle")
}

func (s *script) Leave(_ context.Context, in activities.IssueInput) error {
	return s.do("Leave " + in.CA)
}

func (s *script) Lease(context.Context, activities.LeaseInput) (budget.Grant, error) {
	err := s.do("Lease")
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants[0]
	if len(s.grants) > 1 {
		s.grants = s.grants[1:]
	}
	return g, err
}

func (s *script) ReportOrder(_ context.Context, in activities.ReportInput) error {
	s.mu.Lock()
	s.told = append(s.told, in)
	s.mu.Unlock()
	return s.do("ReportOrder")
}

func (s *script) Order(context.Context, activities.IssueInput) (string, error) {
	return "https://ca.test/order/1", s.do("Order")
}

func (s *script) Authorize(context.Context, activities.IssueInput) error { return s.do("Authorize") }

func (s *script) Finalize(context.Context, activities.IssueInput) (cert.Version, error) {
	return fresh, s.do("Finalize")
}

func (s *script) Stored(context.Context, string) ([]cert.Version, error) {
	return []cert.Version{fresh, earlier}, s.do("Stored")
}

func (s *script) Prepare(ctx context.Context, in activities.DeployInput) (activities.Prepared, error) {
	if h, ok := s.hosts[in.Target]; ok && at(ctx) == "" {
		return h, s.do("Prepare " + in.Target)
	}
	return activities.Prepared{Version: s.before[in.Target], Lost: s.lost}, s.do("Prepare " + in.Target + at(ctx))
}

// at tells which host an activity was sent to.
func at(ctx context.Context) string {
	if q := activity.GetInfo(ctx).TaskQueue; strings.HasPrefix(q, "web") {
		return " at " + q
	}
	return ""
}

func (s *script) Install(ctx context.Context, in activities.DeployInput) error {
	err := s.do("Install " + in.Target + at(ctx))
	if err == nil {
		s.put(in.Target, fresh)
	}
	return err
}

func (s *script) Rehearse(ctx context.Context, in activities.DeployInput) (activities.Rehearsed, error) {
	out := activities.Rehearsed{Rehearsal: cert.Rehearsal{Target: in.Target, Gets: fresh}}
	if h, ok := s.hosts[in.Target]; ok && at(ctx) == "" {
		out.Host, out.Wait = h.Host, h.Wait
		return out, s.do("Rehearse " + in.Target)
	}
	out.Has = s.before[in.Target]
	return out, s.do("Rehearse " + in.Target + at(ctx))
}

func (s *script) RollBack(ctx context.Context, in activities.DeployInput) error {
	err := s.do("RollBack " + in.Target + at(ctx))
	if err == nil {
		s.put(in.Target, s.before[in.Target])
	}
	return err
}

func (s *script) put(target string, v cert.Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has[target] = v
}

func (s *script) Verify(ctx context.Context, in activities.VerifyInput) (activities.Verified, error) {
	out := activities.Verified{}
	for _, t := range in.Targets {
		if n, ok := s.spoils[t]; ok {
			if s.spoils[t] = n - 1; n == 1 {
				s.put(t, s.before[t])
			}
		}
	}
	look := func(o cert.Observation, target string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		v, ok := s.shows[o.Where()]
		if !ok {
			v = s.has[target]
		}
		o.At, o.Version = start, v
		if v.Fingerprint == "" {
			o.Err = "connection refused"
		}
		out.Observations = append(out.Observations, o)
	}
	for _, e := range in.Endpoints {
		look(cert.Observation{Endpoint: e}, e.Target)
	}
	for _, t := range in.Targets {
		look(cert.Observation{Target: t}, t)
	}
	return out, s.do("Verify " + strings.Join(in.Targets, "+") + at(ctx))
}

func (s *script) Promote(context.Context, activities.PromoteInput) error { return s.do("Promote") }

func failing(kind activities.Kind, change ...func(*activities.Failure)) error {
	f := activities.Failure{Kind: kind}
	for _, c := range change {
		c(&f)
	}
	return temporal.NewApplicationErrorWithOptions("it said no", string(kind), temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{f}})
}

func ofOurStore(f *activities.Failure) { f.Own, f.Store = true, true }

func ofTemporal(f *activities.Failure) { f.Own = true }

// two are the targets, each with an endpoint that it feeds.
func two() workflows.RenewalInput {
	return workflows.RenewalInput{
		Name: "shop", Names: []string{"shop.test"}, CA: "ca", Purpose: string(lifecycle.ForRenewal), Replaces: earlier.Fingerprint,
		Targets:   []string{"web1", "web2"},
		Endpoints: []cert.Endpoint{{Host: "web1.test", Port: 443, Target: "web1"}, {Host: "web2.test", Port: 443, Target: "web2"}},
		Attempt:   1, Proof: 30 * time.Second, Timeout: time.Hour, InTask: true,
	}
}

func (s *script) run(t *testing.T, in workflows.RenewalInput, with ...interceptor.WorkerInterceptor) workflows.RenewalOutput {
	t.Helper()
	if s.before == nil {
		s.before = map[string]cert.Version{"web1": earlier, "web2": earlier}
	}
	s.has = map[string]cert.Version{}
	for k, v := range s.before {
		s.has[k] = v
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(start)
	env.SetTestTimeout(time.Minute)
	env.SetWorkerOptions(worker.Options{Interceptors: with})
	story := &workflows.Workflows{}
	env.RegisterWorkflow(story.RenewalWorkflow)
	env.RegisterActivity(s)
	env.ExecuteWorkflow("RenewalWorkflow", in)
	var out workflows.RenewalOutput
	if err := env.GetWorkflowResult(&out); err != nil {
		t.Fatalf("an attempt must never fail: %v", err)
	}
	return out
}
