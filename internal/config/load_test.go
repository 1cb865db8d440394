package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/gather"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// load writes the text into a file and loads it.
func load(t *testing.T, text string, env ...string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "neverlapse.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, env)
}

func TestWithoutAFileTheDefaultsAreValid(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	places = []string{"./neverlapse.yaml", filepath.Join(dir, "etc", "neverlapse.yaml")}
	t.Cleanup(func() { places = []string{"./neverlapse.yaml", "/etc/neverlapse/neverlapse.yaml"} })
	got, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Data = filepath.Join(dir, "data")
	want.HTTP.URL = "http://127.0.0.1:8080"
	want.Policies = []lifecycle.Policy{lifecycle.Default()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Temporal.UsesTLS() {
		t.Error("TLS without being asked for")
	}
}

func TestTheFileHereGoesBeforeTheOneOfTheMachine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	etc := filepath.Join(dir, "etc.yaml")
	places = []string{"./neverlapse.yaml", etc}
	t.Cleanup(func() { places = []string{"./neverlapse.yaml", "/etc/neverlapse/neverlapse.yaml"} })
	for _, name := range []string{etc, "./neverlapse.yaml"} {
		if err := os.WriteFile(name, []byte("data: /"+filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load("", nil)
		if err != nil || got.Source != name || got.Data != "/"+filepath.Base(name) {
			t.Errorf("got %q with data %q, %v; want %q", got.Source, got.Data, err, name)
		}
	}
}

func TestAFileThatIsNamedMustExist(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "no.yaml"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Load(t.TempDir(), nil); err == nil || !strings.HasPrefix(err.Error(), "configuration: ") {
		t.Errorf("a folder: got %v", err)
	}
}

func TestEverySectionIsRead(t *testing.T) {
	got, err := load(t, `
data: /var/lib/neverlapse
temporal:
  address: temporal.example.com:7233
  tls: {cert_file: a.pem, key_file: b.pem, ca_file: c.pem, server_name: t.example.com}
  api_key_file: key
  sticky_timeout: 1m30s
  cache_size: 7
  queue_timeout: 30s
  ui_url: https://ui.example.com
engine: {binary: /bin/e, ip: "::1", port: 7233, ui_port: 8233, log_file: e.log}
http: {listen: ":8443", url: "https://certs.example.com/neverlapse/", token_file: /etc/neverlapse/tokens}
acme_http: {listen: ""}
scan: {allow: [10.0.0.1], deny: [10.0.0.0/8], wildcards: unwanted}
store: {kind: files, options: {Path: /x, env: {UPPER_Case: a.b}}}
cas: [{name: le, kind: acme, options: {dns: {CF_Token_FILE: /t}}}]
targets: [{name: shop.example.com, kind: file}]
hosts: [{name: web7, key: nlhost1_x, targets: [shop-web]}]
channels: [{name: mail, kind: email}]
people: [{id: minji, email: minji@example.com, timezone: Asia/Seoul}]
teams: [{id: sre, members: [minji], on_call: [{person: minji}]}]
catch_all: sre
policies: [{name: calm, thresholds: [{left: "min(20d, 25%)", severity: P3}, {left: 36h, severity: P1}], ack_for: 1d12h, rollout: {canary: 2, canary_targets: [shop.example.com], batch: 25%, bake: 10m}}]
environments: [{name: staging, policy: calm}]
renewal_info: {poll_every: 10m}
handover: {answer_within: 36h}
gather: {p1: 5m, p2: 30s, p3: 10m, p4: 20m, every: 2h, few: 5}
digest: {day: fri, at: "16:30", empty: true}
log: {level: debug, format: json}
metrics: {listen: "127.0.0.1:9090", token_file: /t, every: 1m, certificates: 5}
heartbeat: {url_file: /u, every: 5m}
watchman: {every: 10m}
canary: {ca: le, names: [canary.example.com], every: 48h, staging: true, key_type: EC384, profile: short, challenge: http-01, target: shop.example.com, endpoint: "canary.example.com:443", team: sre}
traces: {endpoint: "http://collector:4318/v1/traces"}
`)
	if err != nil {
		t.Fatal(err)
	}
	calm := lifecycle.Policy{
		Name: "calm", AckFor: lifecycle.Span{Fixed: 36 * time.Hour},
		Thresholds: []lifecycle.Threshold{
			{Left: lifecycle.Span{Fixed: 20 * 24 * time.Hour, Num: 1, Den: 4}, Severity: "P3"},
			{Left: lifecycle.Span{Fixed: 36 * time.Hour}, Severity: "P1"},
		},
		Rollout: lifecycle.RolloutPolicy{Canary: "2", CanaryTargets: []string{"shop.example.com"}, Batch: "25%", Bake: lifecycle.Span{Fixed: 10 * time.Minute}},
	}.WithDefaults()
	want := Config{
		Source: got.Source, Data: "/var/lib/neverlapse",
		Temporal: Temporal{
			Address: "temporal.example.com:7233", Namespace: "default", TaskQueue: "neverlapse",
			TLS: TLS{"a.pem", "b.pem", "c.pem", "t.example.com"}, APIKeyFile: "key",
			StickyTimeout: 90 * time.Second, CacheSize: 7, QueueTimeout: 30 * time.Second, UIURL: "https://ui.example.com",
		},
		Engine:      Engine{"/bin/e", "::1", 7233, 8233, "e.log"},
		HTTP:        HTTP{Listen: ":8443", URL: "https://certs.example.com/neverlapse", TokenFile: "/etc/neverlapse/tokens"},
		Scan:        Scan{Allow: []string{"10.0.0.1"}, Deny: []string{"10.0.0.0/8"}, Wildcards: WildcardsUnwanted},
		Store:       Store{"files", map[string]any{"Path": "/x", "env": map[string]any{"UPPER_Case": "a.b"}}},
		CAs:         []Adapter{{"le", "acme", map[string]any{"dns": map[string]any{"CF_Token_FILE": "/t"}}}},
		RenewalInfo: RenewalInfo{PollEvery: 10 * time.Minute},
		Handover:    Handover{AnswerWithin: 36 * time.Hour},
		Delivery:    Delivery{ProofOfLife: 30 * 24 * time.Hour, ProofWithin: 7 * 24 * time.Hour},
		Targets:     []Adapter{{Name: "shop.example.com", Kind: "file"}},
		Hosts:       []Host{{"web7", "nlhost1_x", []string{"shop-web"}}},
		Channels:    []Adapter{{Name: "mail", Kind: "email"}},
		People:      []people.Person{{ID: "minji", Email: "minji@example.com", TimeZone: "Asia/Seoul"}},
		Teams:       []people.Team{{ID: "sre", Members: []string{"minji"}, OnCall: []people.Shift{{Person: "minji"}}}},
		CatchAll:    "sre", Policies: []lifecycle.Policy{calm, lifecycle.Default()},
		Environments: []Environment{{"staging", "calm"}},
		Gather:       gather.Rules{P1: 5 * time.Minute, P2: 30 * time.Second, P3: 10 * time.Minute, P4: 20 * time.Minute, Every: 2 * time.Hour, Few: 5},
		Digest:       Digest{"fri", "16:30", true},
		Log:          Log{"debug", "json"},
		Metrics:      Metrics{"127.0.0.1:9090", "/t", time.Minute, 5},
		Heartbeat:    Heartbeat{"/u", 5 * time.Minute},
		Watchman:     Watchman{10 * time.Minute},
		Canary:       Canary{CA: "le", Names: []string{"canary.example.com"}, Every: 48 * time.Hour, Staging: true, KeyType: "EC384", Profile: "short", Challenge: "http-01", Target: "shop.example.com", Endpoint: "canary.example.com:443", Team: "sre"},
		Traces:       Traces{"http://collector:4318/v1/traces"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !got.Temporal.UsesTLS() {
		t.Error("no TLS although it is configured")
	}
	if diff := cmp.Diff(people.Directory{People: want.People, Teams: want.Teams, CatchAll: "sre"}, got.Directory()); diff != "" {
		t.Error(diff)
	}
}

func TestPoliciesAreFoundByNameAndEnvironment(t *testing.T) {
	c, err := load(t, `
policies: [{name: calm, max_attempts: 3}, {name: default, max_attempts: 5}]
environments: [{name: staging, policy: calm}]
`)
	if err != nil {
		t.Fatal(err)
	}
	for environment, attempts := range map[string]int{"staging": 3, "production": 5, "": 5} {
		if got := c.PolicyFor(environment).MaxAttempts; got != attempts {
			t.Errorf("%q: %d attempts, want %d", environment, got, attempts)
		}
	}
	if _, ok := c.Policy("loud"); ok {
		t.Error("a policy that nobody wrote was found")
	}
	if diff := cmp.Diff(lifecycle.Default(), (Config{}).PolicyFor("x")); diff != "" {
		t.Error(diff)
	}
}

func TestLinksLeadToThisMachineUnlessAURLIsGiven(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", ":8080": "http://localhost:8080",
		"0.0.0.0:80": "http://localhost:80", "[::1]:8080": "http://[::1]:8080", "page:1": "http://page:1",
	} {
		if c, err := load(t, "http: {listen: '"+listen+"'}"); err != nil || c.HTTP.URL != want {
			t.Errorf("%s: got %q, %v; want %q", listen, c.HTTP.URL, err, want)
		}
	}
}

func TestAnEmptyFileMeansTheDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "---\n", "store:\ntargets:\ndata:\n", "{}"} {
		if c, err := load(t, text); err != nil || c.Store.Kind != "files" || filepath.Base(c.Data) != "data" {
			t.Errorf("%q: got %+v, %v", text, c, err)
		}
	}
}
