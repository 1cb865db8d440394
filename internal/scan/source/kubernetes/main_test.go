package kubernetes_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/kube/kubetest"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source/cluster/clustertest"
	"github.com/neverlapse/neverlapse/internal/scan/source/kubernetes"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var worlds atomic.Int64

// world is some namespaces of the cluster, whose Secrets have a label of their own.
type world struct {
	*kubetest.Cluster
	label string
	a, b  string
}

func newWorld(t testing.TB) world {
	t.Helper()
	n := worlds.Add(1)
	w := world{kubetest.Shared(t), fmt.Sprintf("w%d", n), fmt.Sprintf("a%d", n), fmt.Sprintf("b%d", n)}
	w.Namespace(t, w.a)
	w.Namespace(t, w.b)
	return w
}

type values = map[string][]byte

// put makes a Secret; more are further metadata.
func (w world) put(t testing.TB, namespace, name, kind string, data values, more ...map[string]any) {
	t.Helper()
	meta := map[string]any{"name": name, "labels": map[string]any{"world": w.label}}
	for _, m := range more {
		maps.Copy(meta, m)
	}
	w.Do(t, http.MethodPost, "/api/v1/namespaces/"+namespace+"/secrets", map[string]any{"metadata": meta, "type": kind, "data": data})
}

func (w world) tls(t testing.TB, namespace, name string, pair cert.Pair, more ...map[string]any) {
	t.Helper()
	w.put(t, namespace, name, "kubernetes.io/tls", values{"tls.crt": pair.Chain, "tls.key": pair.Key}, more...)
}

// open makes a source as a user, of this world's Secrets.
func (w world) open(t testing.TB, user string, change ...func(*kubernetes.Options)) *kubernetes.Source {
	t.Helper()
	o := kubernetes.Options{Where: clustertest.Where(t, w.Cluster, user, w.label)}
	for _, f := range change {
		f(&o)
	}
	s, err := kubernetes.New("cluster", o, scan.New(scan.Options{}))
	must(t, err)
	return s
}

// between is a proxy before the API server that counts what is sent.
type between struct {
	*httptest.Server
	mu    sync.Mutex
	bytes int
	asked []string
}

func (w world) between(t testing.TB) *between {
	t.Helper()
	behind, err := url.Parse(w.URL)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.CA)
	b := &between{}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	b.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept-Encoding", "identity")
		b.mu.Lock()
		b.asked = append(b.asked, r.URL.String())
		b.mu.Unlock()
		proxy.ServeHTTP(counted{rw, b}, r)
	}))
	t.Cleanup(b.Close)
	return b
}

type counted struct {
	http.ResponseWriter
	*between
}

func (c counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.bytes += len(p)
	c.mu.Unlock()
	return c.ResponseWriter.Write(p)
}

// took gives and forgets what was sent.
func (b *between) took() (bytes int, asked []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	bytes, asked = b.bytes, b.asked
	b.bytes, b.asked = 0, nil
	return bytes, asked
}

// through has a source go by the proxy.
func through(t testing.TB, b *between) func(*kubernetes.Options) {
	return func(o *kubernetes.Options) {
		at := &kubetest.Cluster{URL: b.URL, CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Certificate().Raw})}
		config, err := at.Kubeconfig(t.TempDir(), "admin")
		must(t, err)
		o.Kubeconfig = config
	}
}

func base64Of(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func decodeToken(token string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(token) }
func encodeToken(raw []byte) string            { return base64.RawURLEncoding.EncodeToString(raw) }
