package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// days is an instant in virtual time.
func days(n float64) time.Time { return start.Add(time.Duration(n * 24 * float64(time.Hour))) }

// story runs a certificate in virtual time, with a world of its own.
type story struct {
	t     *testing.T
	story *workflows.Workflows
	env   *testsuite.TestWorkflowEnvironment
	acts  *activities.Activities

	mu      sync.Mutex
	served  cert.Version
	told    []notice
	journal []cert.Entry
	refuses map[string]bool // kinds of channel that refuse
	shut    error           // what the journal says to every write
	claims  [][]string
	writes  int // tries to write the journal
	kept    []cert.Snapshot
	lost    []delivery.Undelivered
	broken  []delivery.Broken
	nowhere map[string]bool // addresses that lead nowhere
	lines   []activities.Channeled
}

type notice struct {
	at   time.Time
	to   string
	kind string
	what alert.Message
}

func (n notice) String() string {
	return fmt.Sprintf("%s %s by %s: %s %s", n.at.Format("01-02 15:04:05"), n.to, n.kind, n.what.Notice.Severity, n.what.Notice.Reason)
}

func version(name string, from time.Time, lifetime time.Duration) cert.Version {
	return cert.Version{Fingerprint: cert.Fingerprint(strings.Repeat(fmt.Sprintf("%02x", len(name)+from.YearDay()), 32)), Serial: "1", Issuer: "Test CA",
		NotBefore: from, NotAfter: from.Add(lifetime), Names: []string{name}, KeyAlgorithm: "EC256"}
}

func tell(t *testing.T, kinds ...string) *story {
	s := stage(t, kinds...)
	s.env.RegisterWorkflow(s.story.CertificateWorkflow)
	return s
}

// stage is a world without a certificate.
func stage(t *testing.T, kinds ...string) *story {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	s := &story{t: t, story: &workflows.Workflows{Brain: lifecycle.Next}, env: suite.NewTestWorkflowEnvironment(), served: version("a.test", start, 90*24*time.Hour), refuses: map[string]bool{}}
	s.env.SetStartTime(start)
	s.env.SetTestTimeout(time.Minute)
	s.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // a busy machine is no deadlock
	s.acts = &activities.Activities{
		Directory: directory, Scanner: s, Store: fakeStore{s: s}, Now: func() time.Time { return s.env.Now() },
	}
	for _, k := range kinds {
		s.lines = append(s.lines, activities.Channeled{Name: k, Kind: k, Interrupts: k != "email", Channel: channel{s, k}})
	}
	s.acts.Channels = func() []activities.Channeled { return s.lines }
	s.env.RegisterActivity(s.acts)
	return s
}

// withRenewals lets the certificate start attempts: real ones, or a stand-in.
func (s *story) withRenewals(child any) *story {
	s.env.RegisterWorkflowWithOptions(child, workflow.RegisterOptions{Name: "RenewalWorkflow"})
	return s
}

func directory() people.Directory {
	person := func(id string) people.Person {
		return people.Person{ID: id, Name: id, Email: id + "@example.com", Slack: "U" + strings.ToUpper(id)}
	}
	return people.Directory{
		People:   []people.Person{person("owner"), person("boss"), person("watch")},
		Teams:    []people.Team{{ID: "team", Name: "team", Members: []string{"owner"}, Manager: "boss", OnCall: []people.Shift{{Person: "watch"}}, Slack: "CTEAM", Email: "team@example.com"}},
		CatchAll: "team",
	}
}

// run plays the certificate until an instant.
func (s *story) run(spec lifecycle.Spec, until time.Time) {
	s.t.Helper()
	spec.Name, spec.Names, spec.Owner, spec.Team = "a", []string{"a.test"}, "owner", "team"
	if spec.Policy.Name == "" {
		spec.Policy = lifecycle.Default()
	}
	spec.Endpoints = []cert.Endpoint{{Host: "a.test", Port: 443}}
	s.at(until, s.retireNow)
	s.resume(workflows.Entity{Shown: &lifecycle.Attributes{}, State: lifecycle.State{Spec: spec, EnrolledAt: start, EnrolledBy: "test"}})
}

func (s *story) retireNow() {
	s.env.UpdateWorkflow(workflows.Retire.Name, "", discard{}, workflows.RetireRequest{Request: workflows.Request{By: "test"}, Force: true})
}

// resume plays what one run handed to the next.
func (s *story) resume(e workflows.Entity) {
	s.t.Helper()
	s.env.ExecuteWorkflow("CertificateWorkflow", e)
	if !s.env.IsWorkflowCompleted() {
		s.t.Fatal("the certificate did not end")
	}
}

// at does something at an instant.
func (s *story) at(when time.Time, what func()) {
	s.env.RegisterDelayedCallback(what, when.Sub(start))
}

func (s *story) acknowledge(when time.Time, by string) {
	s.at(when, func() {
		s.env.UpdateWorkflow(workflows.Acknowledge.Name, "ack-"+when.String(), discard{}, workflows.AcknowledgeRequest{Request: workflows.Request{By: by, Via: "cli"}})
	})
}

// heard lists who was told when, without what was told at the end.
func (s *story) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, len(s.told))
	for i, n := range s.told {
		out[i] = n.String()
	}
	slices.Sort(out)
	return out
}

func (s *story) Observe(_ context.Context, e cert.Endpoint, _ []string) []cert.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []cert.Observation{{Endpoint: e, Address: "192.0.2.1:443", At: s.env.Now(), Version: s.served}}
}

type channel struct {
	s    *story
	kind string
}

func (c channel) Send(_ context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.nowhere[m.Address] {
		return alert.Receipt{}, fault.NoAddress("%s leads nowhere", m.Address)
	}
	if c.s.refuses[c.kind] {
		return alert.Receipt{}, refused
	}
	c.s.told = append(c.s.told, notice{c.s.env.Now().UTC().Round(time.Second), m.To.ID, c.kind, m})
	return alert.Receipt{Channel: m.Channel, Kind: m.Kind, To: m.To.ID, Address: m.Address, ID: m.DedupKey, DedupKey: m.DedupKey}, nil
}

// discard takes the answers of updates.
type discard struct{}

func (discard) Accept()             {}
func (discard) Reject(error)        {}
func (discard) Complete(any, error) {}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
