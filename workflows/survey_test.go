package workflows_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/workflows"
)

// field is a source whose places the test says, over a store that is real.
type field struct {
	t     *testing.T
	files *store.Store
	pages []source.Page
	fails map[int][]error // by page from 0, one error for each try
	looks int
	roll  []activities.Enrolled
	heard []string
	told  []alert.Message
	deaf  bool
	now   time.Time
	sent  []estate.Standing // to the workflow that looks after the source
}

func (f *field) Look(_ context.Context, page []byte, _ func(string)) (source.Page, error) {
	f.looks++
	i := 0
	if page != nil {
		i = int(page[0])
	}
	if errs := f.fails[i]; len(errs) > 0 {
		f.fails[i] = errs[1:]
		return source.Page{}, errs[0]
	}
	p := f.pages[i]
	if i+1 < len(f.pages) {
		p.Next = []byte{byte(i + 1)}
	}
	return p, nil
}

func (f *field) Enrolled(context.Context, []byte) ([]activities.Enrolled, []byte, error) {
	return f.roll, nil, nil
}

func (f *field) Observed(_ context.Context, name string, seen []cert.Observation) error {
	for _, o := range seen {
		f.heard = append(f.heard, name+" "+o.Where()+" "+string(o.Version.Fingerprint))
	}
	return nil
}

func (f *field) Elsewhere(context.Context, string, activities.AskedElsewhere) error { return nil }

func (f *field) Send(_ context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	if f.deaf {
		return alert.Receipt{}, fault.New(fault.Configuration, "token_revoked")
	}
	f.told = append(f.told, m)
	return alert.Receipt{Channel: m.Channel, Kind: m.Kind, To: m.To.ID, Address: m.Address, ID: m.DedupKey, DedupKey: m.DedupKey}, nil
}

func newField(t *testing.T, pages ...source.Page) *field {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := store.GenerateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	files, err := store.Options{Path: filepath.Join(dir, "store"), KeyFile: key}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	return &field{t: t, files: files, pages: pages, now: start, fails: map[int][]error{}}
}

// run goes through the source once, a day after the last time.
func (f *field) run() (out workflows.SurveyOutput, err error) {
	f.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	f.now = f.now.AddDate(0, 0, 1)
	env.SetStartTime(f.now)
	env.SetTestTimeout(time.Minute)
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: fmt.Sprint(workflows.SurveyID("web"), "-", f.now.Unix())})
	who := directory()
	env.RegisterActivity(&activities.Activities{
		Directory: func() people.Directory { return who }, Store: f.files, Roll: f, Herald: f, Now: func() time.Time { return env.Now() },
		Sources: func() map[string]activities.Sourced {
			return map[string]activities.Sourced{"web": {Name: "web", Kind: "field", Source: f}}
		},
		Channels: func() []activities.Channeled {
			return []activities.Channeled{{Name: "mail", Kind: "email", Channel: f}}
		},
	})
	env.RegisterWorkflow((&workflows.Workflows{}).SurveyWorkflow)
	env.OnSignalExternalWorkflow(mock.Anything, workflows.SourceID("web"), "", workflows.SignalRan, mock.Anything).Return(func(_, _, _, _ string, arg any) error {
		f.sent = append(f.sent, arg.(estate.Standing))
		return nil
	})
	// Each run has an ID of its own, as the engine gives it.
	env.ExecuteWorkflow("SurveyWorkflow", workflows.SurveyInput{Source: "web", Run: fmt.Sprint("run-", f.now.Unix()), Begun: f.now})
	if err := env.GetWorkflowError(); err != nil {
		return out, err
	}
	return out, env.GetWorkflowResult(&out)
}

func (f *field) mustRun() workflows.SurveyOutput {
	f.t.Helper()
	out, err := f.run()
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

func sightingOf(place, print string, days int) source.Sighting {
	return source.Sighting{Place: place, Version: cert.Version{Fingerprint: cert.Fingerprint(strings.Repeat(print, 32)), Serial: "1", Issuer: "CA", NotBefore: start, NotAfter: start.AddDate(0, 0, days), Names: []string{print + ".test"}}}
}

func pageOf(all ...source.Sighting) source.Page { return source.Page{Sightings: all} }

func TestASourceIsGoneThroughPageByPageAndOnlyChangesAreTold(t *testing.T) {
	e := cert.Endpoint{Host: "aa.test", Port: 443}
	wire := sightingOf("endpoint:aa.test:443", "aa", 90)
	wire.Endpoint = e
	f := newField(t, pageOf(wire), pageOf(sightingOf("file:web2:/a.pem", "aa", 90)))
	f.roll = []activities.Enrolled{{Name: "shop", Live: wire.Version, Endpoints: []cert.Endpoint{e}}}
	f.fails[1] = []error{fault.New(fault.Transient, "connection reset"), fault.After(start.AddDate(0, 0, 1).Add(20*time.Minute), "429")}
	out := f.mustRun()
	if r := out.Standing.Last; !r.Complete || r.Seen != 2 || r.New != 2 || r.Pages != 2 || out.Told != 0 || len(f.told) != 0 || f.looks != 4 {
		t.Fatalf("%+v after %d looks, told %v", out, f.looks, f.told)
	}
	if len(f.sent) != 1 || !f.sent[0].Completed.Equal(out.Standing.Completed) {
		t.Errorf("who looks after the source heard %+v", f.sent)
	}
	f.roll[0].Live = sightingOf("", "bb", 180).Version
	f.pages[0].Sightings[0].Version = f.roll[0].Live
	for _, want := range []int{1, 0} {
		if out := f.mustRun(); out.Told != want {
			t.Errorf("%d certificates were told, want %d", out.Told, want)
		}
	}
	if len(f.heard) != 1 || !strings.HasPrefix(f.heard[0], "shop file:web2:/a.pem aaaa") {
		t.Errorf("told %q", f.heard)
	}
}

func TestWhatNobodyEnrolledIsToldInOneMessageAndAgainOnlyIfNobodyWasReached(t *testing.T) {
	f := newField(t, pageOf(sightingOf("file:web1:/a", "aa", 90), sightingOf("file:web1:/b", "bb", 20), sightingOf("file:web1:/c", "bb", 20)))
	f.deaf = true
	if out := f.mustRun(); out.Strays != 0 || len(f.told) != 0 {
		t.Fatalf("%+v", out)
	}
	f.deaf = false
	if out := f.mustRun(); out.Strays != 2 {
		t.Fatalf("%+v", out)
	}
	for _, m := range f.told {
		if n := m.Notice; n.Reason != alert.Unenrolled || n.Severity != alert.P2 || len(n.Places) != 2 || !strings.Contains(n.Places[0].Where, "bb.test") || !strings.Contains(n.Places[0].Where, "1 more places") {
			t.Errorf("%+v", n)
		}
		text := alert.Plain(alert.Render(m.Notice, "ko", "Asia/Seoul"))
		if !strings.Contains(text, "등록되지 않은 인증서 2개") || !strings.Contains(text, "neverlapse triage") {
			t.Error(text)
		}
	}
	before := len(f.told)
	if out := f.mustRun(); out.Strays != 0 || len(f.told) != before || before == 0 {
		t.Errorf("told again: %+v", f.told[before:])
	}
}

func TestWhatWasIssuedAndNobodyAskedForIsToldWithWhatToDo(t *testing.T) {
	x := sightingOf("ct:watch/aa.test/1", "aa", 90)
	x.Issued, x.Version.Fingerprint, x.Version.Serial = true, "", "0123456789abcdef0123"
	f := newField(t, pageOf(x))
	check := func(severity alert.Severity, reach alert.Reach, where string) {
		t.Helper()
		if out := f.mustRun(); out.Strays != 1 || len(f.told) == 0 {
			t.Fatalf("%+v", out)
		}
		n := f.told[len(f.told)-1].Notice
		if n.Severity != severity || n.Reach != reach || len(n.Places) != 1 || !strings.Contains(n.Places[0].Where, where) {
			t.Errorf("%+v", n)
		}
		for language, word := range map[string]string{"en": "Certificate Transparency", "ko": "인증서 투명성"} {
			if text := alert.Plain(alert.Render(n, language, "UTC")); !strings.Contains(text, word) || !strings.Contains(text, "--endpoint HOST:PORT") || !strings.Contains(text, string(n.Places[0].Fingerprint)) {
				t.Error(text)
			}
		}
	}
	check(alert.P3, alert.Quiet, "aa.test (issued by CA, valid from "+start.Format(time.DateOnly)+") at ct:watch/aa.test/1")
	f.pages[0].Sightings[0].Version.Serial = "fedcba9876543210fedc"
	f.pages[0].Sightings[0].Findings = []cert.Finding{cert.Find(cert.UnwantedCA, "issued by another")}
	check(alert.P2, alert.Direct, "; this CA is not wanted) at ct:watch/aa.test/1")
}

func TestASourceThatRefusesEndsItsRunAndNothingCountsAsGone(t *testing.T) {
	f := newField(t, pageOf(sightingOf("file:web1:/a", "aa", 90)), pageOf(sightingOf("file:web1:/b", "bb", 90)))
	first := f.mustRun()
	f.fails[1] = []error{fault.New(fault.Configuration, "the credential was refused")}
	out := f.mustRun()
	if r := out.Standing.Last; r.Complete || r.Gone != 0 || !strings.Contains(r.Err, "the credential was refused") || !out.Standing.Completed.Equal(first.Standing.Completed) {
		t.Errorf("%+v", out.Standing)
	}
	if out := f.mustRun(); !out.Standing.Last.Complete || out.Standing.Last.Changed != 0 {
		t.Errorf("%+v", out.Standing)
	}
}
