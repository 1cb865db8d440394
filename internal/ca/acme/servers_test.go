package acme_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func portOf(s *httptest.Server) int { return s.Listener.Addr().(*net.TCPAddr).Port }

// serveFolder is the web server whose folder is a webroot.
func serveFolder(t *testing.T, dir string) int {
	t.Helper()
	return serveHandler(t, http.FileServer(http.Dir(dir)))
}

func serveHandler(t *testing.T, h http.Handler) int {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return portOf(s)
}

// redirected is the URL of a request at another port.
func redirected(r *http.Request, port int) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return fmt.Sprintf("http://%s:%d%s", host, port, r.URL.Path)
}

// recorder counts the requests that reach a CA, with their time.
type recorder struct {
	mu   sync.Mutex
	all  []time.Time
	step map[string]int
}

func (r *recorder) saw(step string, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.step == nil {
		r.step = make(map[string]int)
	}
	r.all = append(r.all, time.Now())
	r.step[step]++
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

func (r *recorder) at(step string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.step[step]
}

func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Fatalf("error does not say %q: %v", part, err)
		}
	}
}

// statusAt asks the listener's handler for a path.
func statusAt(h http.Handler, path string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code
}

// trusting is a transport that trusts a private root.
func trusting(t *testing.T, root []byte) *http.Transport {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(root) {
		t.Fatal("no root")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
