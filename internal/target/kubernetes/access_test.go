package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
	"github.com/neverlapse/neverlapse/internal/target/kubernetes"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func jsonInto(data []byte, v any) error { return json.Unmarshal(data, v) }

// eventually repeats what a new Role allows only after a moment.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func verbs(names []string, verbs ...string) map[string]any {
	rule := map[string]any{"apiGroups": []string{""}, "resources": []string{"secrets"}, "verbs": verbs}
	if names != nil {
		rule["resourceNames"] = names
	}
	return rule
}

var named = []string{"web-tls"}

// documented gives the rules that docs/targets-cloud.md calls enough.
func documented(t testing.TB) []map[string]any {
	t.Helper()
	page, err := os.ReadFile("../../../docs/targets-cloud.md")
	must(t, err)
	_, after, _ := strings.Cut(string(page), "<!-- role:begin -->\n```yaml\n")
	text, _, found := strings.Cut(after, "```\n<!-- role:end -->")
	if !found {
		t.Fatal("docs/targets-cloud.md has no Role")
	}
	var role struct{ Rules []map[string]any }
	must(t, yaml.Unmarshal([]byte(strings.ReplaceAll(text, "shop-tls", "web-tls")), &role))
	return role.Rules
}

func TestTheDocumentedRoleIsEnoughAndNoSmallerOneIs(t *testing.T) {
	s := newScene(t, kubetest.Shared)
	s.put(t, targettest.Fresh(t))
	s.Allow(t, s.namespace, "reader", verbs(named, "get"))
	s.Allow(t, s.namespace, "writer", documented(t)...)
	writer, reader := s.target(t, "writer"), s.target(t, "reader")
	var before []byte
	eventually(t, func() (err error) { before, err = writer.Capture(t.Context()); return err })
	eventually(t, func() (err error) { _, err = reader.Capture(t.Context()); return err })
	must(t, writer.Preflight(t.Context()))
	must(t, writer.Install(t.Context(), targettest.Fresh(t), before))
	must(t, writer.Restore(t.Context(), before))
	was := s.state(t)
	for act, err := range map[string]error{
		`cannot patch resource "secrets"`: reader.Preflight(t.Context()),
		`User "reader" cannot patch`:      reader.Install(t.Context(), targettest.Fresh(t), before),
		`cannot get resource "secrets"`:   captureOf(t, s.target(t, "stranger")),
	} {
		if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), act) || !strings.Contains(fmt.Sprint(err), "docs/targets-cloud.md") {
			t.Errorf("%v; want fault.Configuration with %q", err, act)
		}
	}
	if s.state(t) != was {
		t.Error("the Secret was changed")
	}
}

func captureOf(t testing.TB, tgt *kubernetes.Target) error {
	_, err := tgt.Capture(t.Context())
	return err
}

func TestMakingASecretNeedsTheRightToTakeItAwayAgain(t *testing.T) {
	s := newScene(t, kubetest.Shared)
	s.Allow(t, s.namespace, "reader", verbs(named, "get", "patch"))
	s.Allow(t, s.namespace, "maker", verbs(named, "get", "patch"), verbs(nil, "create"))
	maker := s.target(t, "maker")
	eventually(t, func() error { return captureOf(t, maker) })
	eventually(t, func() error { return captureOf(t, s.target(t, "reader")) })
	if err := s.target(t, "reader").Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), `cannot create resource "secrets"`) {
		t.Errorf("Preflight without create = %v", err)
	}
	if err := maker.Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "grant delete") {
		t.Errorf("Preflight without delete = %v", err)
	}
	s.Allow(t, s.namespace, "writer", verbs(named, "get", "patch", "delete"), verbs(nil, "create"))
	writer := s.target(t, "writer")
	eventually(t, func() error { return writer.Preflight(t.Context()) })
	if s.read(t) != nil {
		t.Error("Preflight made a Secret")
	}
}

func TestANamespaceThatIsNotThereIsTold(t *testing.T) { onEach(t, namespaceIsNotThere) }

func namespaceIsNotThere(t *testing.T, on func(testing.TB) *kubetest.Cluster) {
	s := newScene(t, on)
	tgt := s.target(t, "admin", func(o *kubernetes.Options) { o.Namespace = "nowhere" })
	if err := tgt.Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), `namespaces "nowhere" not found`) {
		t.Errorf("Preflight = %v", err)
	}
}

// fake is an API server that answers one thing; real ones rarely do.
func fake(t testing.TB, answer http.HandlerFunc) *kubernetes.Target {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return at(t, server.URL)
}

func at(t testing.TB, url string) *kubernetes.Target {
	t.Helper()
	config := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(config, []byte(kubeconfig("{server: '"+url+"'}")), 0o600))
	tgt, err := kubernetes.New("web", kubernetes.Options{Namespace: "shop", Secret: "web-tls", Access: kube.Access{Kubeconfig: config}, Timeout: 10 * time.Second})
	must(t, err)
	return tgt
}

func kubeconfig(cluster string) string {
	return "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: " + cluster + "}]\nusers: [{name: u, user: {token: t}}]\n" +
		"contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
}

func status(code int, reason string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":"said so","code":%d}`, reason, code)
	}
}

func TestEachTroubleOfTheAPIServerHasItsKind(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   fault.Kind
	}{
		"401": {status(401, "Unauthorized"), fault.Configuration},
		"403": {status(403, "Forbidden"), fault.Configuration},
		"429": {func(w http.ResponseWriter, _ *http.Request) { // as its fairness does, without a Status
			w.Header().Set("Retry-After", "30")
			http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
		}, fault.Unavailable},
		"500": {status(500, "InternalError"), fault.Transient},
		"503": {status(503, "ServiceUnavailable"), fault.Unavailable},
		"504": {status(504, "Timeout"), fault.Unavailable},
		"no API server": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello") },
			fault.Configuration},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fake(t, c.answer).Capture(t.Context())
			if !fault.Is(err, c.kind) {
				t.Errorf("Capture = %v (%s), want %s", err, fault.KindOf(err), c.kind)
			}
			if name == "429" && time.Until(fault.RetryAt(err)) < 20*time.Second {
				t.Errorf("Retry-After was lost: %s", fault.RetryAt(err))
			}
		})
	}
	port, err := targettest.FreePort()
	must(t, err)
	if err := captureOf(t, at(t, fmt.Sprintf("http://127.0.0.1:%d", port))); !fault.Is(err, fault.Unavailable) {
		t.Errorf("where nobody listens: %v, want fault.Unavailable", err)
	}
	strange := httptest.NewTLSServer(status(200, ""))
	defer strange.Close()
	if err := captureOf(t, at(t, strange.URL)); !fault.Is(err, fault.Configuration) {
		t.Errorf("another's certificate: %v, want fault.Configuration", err)
	}
}

// A write that always comes too late is told as what passes.
func TestAConflictIsTriedAgainAndThenTransient(t *testing.T) {
	writes := 0
	tgt := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"web-tls","resourceVersion":"7"},"type":"kubernetes.io/tls","data":{"tls.crt":"","tls.key":""}}`)
			return
		}
		writes++
		status(409, "Conflict")(w, r)
	})
	before, err := tgt.Capture(t.Context())
	must(t, err)
	if err := tgt.Install(t.Context(), targettest.Fresh(t), before); !fault.Is(err, fault.Transient) || writes < 2 {
		t.Errorf("Install = %v after %d writes; want fault.Transient after several", err, writes)
	}
}

func TestBadOptionsAreRefusedWithTheirField(t *testing.T) {
	good := kubernetes.Options{Namespace: "shop", Secret: "web-tls", Access: kube.Access{Kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}}
	for says, c := range map[string]struct {
		change  func(*kubernetes.Options)
		cluster string
	}{
		"namespace:":              {change: func(o *kubernetes.Options) { o.Namespace = "a/b" }},
		"secret:":                 {change: func(o *kubernetes.Options) { o.Secret = "../x" }},
		"timeout:":                {change: func(o *kubernetes.Options) { o.Timeout = -1 }},
		"absolute path":           {change: func(o *kubernetes.Options) { o.Kubeconfig = "config" }},
		"context: goes with":      {change: func(o *kubernetes.Options) { o.Kubeconfig, o.Context = "", "x" }},
		"does not run in a":       {change: func(o *kubernetes.Options) { o.Kubeconfig = "" }},
		"no such file":            {change: func(o *kubernetes.Options) { o.Kubeconfig += ".gone" }},
		`"other" does not exist`:  {change: func(o *kubernetes.Options) { o.Context = "other" }},
		"in the open":             {cluster: "{server: 'http://10.0.0.1'}"},
		"insecure-skip-tls-verif": {cluster: "{server: 'https://10.0.0.1', insecure-skip-tls-verify: true}"},
	} {
		o := good
		if c.change != nil {
			c.change(&o)
		}
		if c.cluster == "" {
			c.cluster = "{server: 'https://10.0.0.1'}"
		}
		must(t, os.WriteFile(good.Kubeconfig, []byte(kubeconfig(c.cluster)), 0o600))
		if _, err := kubernetes.New("web", o); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v; want fault.Configuration with %q", err, says)
		}
	}
}
