package kubernetes_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/kube"
	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
	"github.com/neverlapse/neverlapse/internal/target/kubernetes"
)

// One stand-in serves all tests beside the API server; each has a namespace of
// its own.
var standIn = sync.OnceValue(kubetest.StandIn)

// onEach runs a test on the stand-in, and on a real API server where one was built.
func onEach(t *testing.T, test func(*testing.T, func(testing.TB) *kubetest.Cluster)) {
	t.Run("stand-in", func(t *testing.T) { test(t, func(testing.TB) *kubetest.Cluster { return standIn() }) })
	t.Run("API server", func(t *testing.T) {
		kubetest.Shared(t) // without one the whole is skipped, not its parts
		test(t, kubetest.Shared)
	})
}

func TestMain(m *testing.M) { kubetest.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var namespaces atomic.Int64

// scene is a namespace and one Secret in it.
type scene struct {
	*kubetest.Cluster
	namespace string
}

func newScene(t testing.TB, on func(testing.TB) *kubetest.Cluster) scene {
	t.Helper()
	s := scene{on(t), fmt.Sprintf("test-%d", namespaces.Add(1))}
	s.Namespace(t, s.namespace)
	return s
}

func (s scene) secrets() string { return "/api/v1/namespaces/" + s.namespace + "/secrets" }

// options are those of a user.
func (s scene) options(t testing.TB, user string) kubernetes.Options {
	t.Helper()
	config, err := s.Kubeconfig(t.TempDir(), user)
	must(t, err)
	return kubernetes.Options{Namespace: s.namespace, Secret: "web-tls", Access: kube.Access{Kubeconfig: config}}
}

func (s scene) target(t testing.TB, user string, change ...func(*kubernetes.Options)) *kubernetes.Target {
	t.Helper()
	o := s.options(t, user)
	for _, f := range change {
		f(&o)
	}
	out, err := kubernetes.New("web", o)
	must(t, err)
	return out
}

// secret is one as the administrator sees it.
type secret struct {
	Metadata  map[string]any    `json:"metadata"`
	Type      string            `json:"type"`
	Immutable bool              `json:"immutable,omitempty"`
	Data      map[string][]byte `json:"data"`
}

func (s scene) read(t testing.TB) *secret {
	t.Helper()
	raw := s.Do(t, http.MethodGet, s.secrets()+"/web-tls", nil)
	if raw == nil {
		return nil
	}
	var out secret
	must(t, json.Unmarshal(raw, &out))
	return &out
}

func (s scene) put(t testing.TB, pair cert.Pair, change ...func(*secret)) {
	t.Helper()
	new := secret{Metadata: map[string]any{"name": "web-tls"}, Type: "kubernetes.io/tls", Data: map[string][]byte{"tls.crt": pair.Chain, "tls.key": pair.Key}}
	for _, f := range change {
		f(&new)
	}
	s.Do(t, http.MethodPost, s.secrets(), new)
}

// state is everything but what the API server counts for itself.
func (s scene) state(t testing.TB) string {
	t.Helper()
	now := s.read(t)
	if now == nil {
		return "none"
	}
	for _, own := range []string{"resourceVersion", "managedFields", "uid", "creationTimestamp"} {
		delete(now.Metadata, own)
	}
	meta, err := json.Marshal(now.Metadata)
	must(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %t %s\n", now.Type, now.Immutable, meta)
	for _, k := range []string{"tls.crt", "tls.key", "ca.crt"} {
		value, ok := now.Data[k]
		fmt.Fprintf(&b, "%s %t %x\n", k, ok, sha256.Sum256(value))
	}
	fmt.Fprintln(&b, len(now.Data))
	return b.String()
}
