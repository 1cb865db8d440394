package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/metrics"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// desk is a registry, its clock and its log.
type desk struct {
	*testing.T
	*metrics.Metrics
	now time.Time
	log bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, now: epoch}
	var err error
	d.Metrics, err = metrics.New(metrics.Options{
		Version: "v1.2.3", GoVersion: "go1.26", Now: func() time.Time { return d.now },
		Log:        slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		TargetKind: func(target string) string { return map[string]string{"web": "nginx"}[target] },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) page() string {
	d.Helper()
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		d.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func (d *desk) wants(lines ...string) {
	d.Helper()
	page := d.page()
	for _, l := range lines {
		if !strings.Contains(page, "\n"+l+"\n") {
			name, _, _ := strings.Cut(l, "{")
			d.Errorf("missing: %s\nthere is: %s", l, grep(page, name))
		}
	}
}

func (d *desk) wantsNone(pieces ...string) {
	d.Helper()
	page := d.page()
	for _, p := range pieces {
		if strings.Contains(page, p) {
			d.Errorf("found what does not belong there: %s", grep(page, p))
		}
	}
}

func grep(page, piece string) string {
	var out []string
	for l := range strings.Lines(page) {
		if strings.Contains(l, piece) {
			out = append(out, l)
		}
	}
	return strings.Join(out, "")
}

// hand is an activity of a name that ends as it is told.
type hand struct{ err error }

func (h hand) Record(context.Context, activities.RecordInput) error        { return h.err }
func (h hand) Undelivered(context.Context, []delivery.Undelivered) error   { return h.err }
func (h hand) Install(ctx context.Context, _ activities.DeployInput) error { return h.err }
func (h hand) Deliver(context.Context, alert.Message) (alert.Receipt, error) {
	return alert.Receipt{}, h.err
}
func (h hand) Verify(_ context.Context, in activities.VerifyInput) (activities.Verified, error) {
	return activities.Verified{Proven: in.Timeout > 0}, h.err
}

// run runs an activity as a worker with the interceptor does.
func (d *desk) run(err error, activity func(hand) any, in any) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewTextHandler(&d.log, nil))))
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{d.Interceptor()}})
	f := activity(hand{err})
	env.RegisterActivity(f)
	_, _ = env.ExecuteActivity(f, in)
}

func TestWhatTheJournalGetsIsCounted(t *testing.T) {
	d := newDesk(t)
	entries := []cert.Entry{
		{Kind: "attempt", Details: map[string]string{"purpose": "renew", "ca": "le"}},
		{Kind: "outcome", Details: map[string]string{"purpose": "renew", "ca": "le", "outcome": "validation-failed"}},
		{Kind: "told", Details: map[string]string{"reason": "expiring", "severity": "P2", "to": "owner and team", "why": "step-unanswered"}},
		{Kind: "acknowledged", At: epoch.Add(10 * time.Minute), Details: map[string]string{"severity": "P2", "since": epoch.Format(time.RFC3339Nano)}},
		{Kind: "resolved", Details: map[string]string{"reason": "expiring"}},
		{Kind: "attempt"}, // by a release that said less
		{Kind: "seen", Text: "of no interest"},
	}
	record := func(h hand) any { return h.Record }
	d.run(nil, record, activities.RecordInput{Name: "shop", Entries: entries, Undelivered: []delivery.Undelivered{{Channel: "slack", About: delivery.Address}}})
	d.run(errors.New("the store is away"), record, activities.RecordInput{Name: "shop", Entries: entries})
	d.wants(
		`neverlapse_renewal_attempts_total{ca="le",purpose="renew"} 1`,
		`neverlapse_renewal_attempts_total{ca="",purpose="unknown"} 1`,
		`neverlapse_renewal_outcomes_total{ca="le",outcome="validation-failed",purpose="renew"} 1`,
		`neverlapse_notices_total{reason="expiring",severity="P2",to="owner and team",why="step-unanswered"} 1`,
		`neverlapse_alert_answers_total{answer="acknowledged",severity="P2"} 1`,
		`neverlapse_alert_answer_seconds_bucket{severity="P2",le="300"} 0`,
		`neverlapse_alert_answer_seconds_bucket{severity="P2",le="900"} 1`,
		`neverlapse_alert_answer_seconds_sum{severity="P2"} 600`,
		`neverlapse_alerts_resolved_total{reason="expiring"} 1`,
		`neverlapse_dead_letters_total{about="address",channel="slack"} 1`,
	)
}

func TestWhatHappensAtTargetsAndChannelsIsCounted(t *testing.T) {
	d := newDesk(t)
	install := func(h hand) any { return h.Install }
	d.run(nil, install, activities.DeployInput{Target: "web"})
	d.run(temporal.NewApplicationErrorWithOptions("nginx: [emerg]", "configuration", temporal.ApplicationErrorOptions{Details: []any{activities.Failure{Kind: activities.Configuration}}}), install, activities.DeployInput{Target: "web"})
	d.run(nil, install, activities.DeployInput{Target: "nobody's"})
	verify := func(h hand) any { return h.Verify }
	d.run(nil, verify, activities.VerifyInput{Timeout: 1, ObserveInput: activities.ObserveInput{Targets: []string{"web"}, Endpoints: []cert.Endpoint{{Target: "web"}, {}}}})
	d.run(nil, verify, activities.VerifyInput{ObserveInput: activities.ObserveInput{Targets: []string{"web"}}})
	d.run(nil, func(h hand) any { return h.Deliver }, alert.Message{Channel: "mail", Kind: "email"})
	d.run(nil, func(h hand) any { return h.Undelivered }, []delivery.Undelivered{{Channel: "mail", About: delivery.Channel}})
	d.wants(
		`neverlapse_target_operations_total{kind="nginx",operation="install",outcome="ok"} 1`,
		`neverlapse_target_operations_total{kind="nginx",operation="install",outcome="configuration"} 1`,
		`neverlapse_target_operations_total{kind="unknown",operation="install",outcome="ok"} 1`,
		`neverlapse_proofs_total{kind="nginx",outcome="proven"} 1`,
		`neverlapse_proofs_total{kind="none",outcome="proven"} 1`,
		`neverlapse_proofs_total{kind="nginx",outcome="unproven"} 1`,
		`neverlapse_messages_total{channel="mail",kind="email",outcome="ok"} 1`,
		`neverlapse_dead_letters_total{about="channel",channel="mail"} 1`,
	)
}

func TestALogSaysWhichCertificateVersionAndAttemptAndNothingElseOfTheInput(t *testing.T) {
	d := newDesk(t)
	d.run(errors.New("no\u202ecolour \x1b[31m"), func(h hand) any { return h.Install },
		activities.DeployInput{Name: "shop", Fingerprint: "0123456789abcdef0123", Target: "web", Names: []string{"secret-of-names"}})
	got := d.log.String()
	for _, want := range []string{"certificate=shop", "version=0123456789ab ", "target=web", "kind=transient", `\\u202e`, `\\x1b`} {
		if !strings.Contains(got, want) {
			t.Errorf("missing in the log: %s\n%s", want, got)
		}
	}
	if strings.Contains(got, "secret-of-names") {
		t.Errorf("the log shows an input: %s", got)
	}
}

func TestLabelsThatOthersWriteAreCleanAndBounded(t *testing.T) {
	d := newDesk(t)
	for i := range 500 {
		d.run(nil, func(h hand) any { return h.Deliver }, alert.Message{Channel: fmt.Sprintf("c%d", i), Kind: "evil\nneverlapse_forged 1\n" + strings.Repeat("x", 4000)})
	}
	page := d.page()
	if n := strings.Count(page, "neverlapse_messages_total{"); n != 100 {
		t.Errorf("%d series, want 99, for one name is the kind, and one for all others", n)
	}
	d.wantsNone("\nneverlapse_forged", strings.Repeat("x", 400))
	if !strings.Contains(page, `neverlapse_messages_total{channel="(others)",`) {
		t.Error("what is past the bound is not counted")
	}
}
