package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// town is one server with many names, each with a certificate of its own.
type town struct {
	port  int
	pairs map[string]*tls.Certificate
}

// settle opens a town; left says how long each name's certificate of 90 days has to live.
func settle(t *testing.T, left map[string]time.Duration) *town {
	t.Helper()
	ca, err := targettest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		t.Fatal(err)
	}
	w := &town{pairs: map[string]*tls.Certificate{}}
	now := time.Now()
	for name, l := range left {
		pair, err := ca.IssueFor(key, []string{name}, now.Add(l-90*24*time.Hour), now.Add(l))
		if err != nil {
			t.Fatal(err)
		}
		c, err := tls.X509KeyPair(pair.Chain, pair.Key)
		if err != nil {
			t.Fatal(err)
		}
		w.pairs[name] = &c
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w.port = l.Addr().(*net.TCPAddr).Port
	go w.serve(l)
	return w
}

func (w *town) serve(l net.Listener) {
	config := &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if c := w.pairs[h.ServerName]; c != nil {
			return c, nil
		}
		return nil, fmt.Errorf("nobody lives at %q", h.ServerName)
	}}
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			_ = tls.Server(conn, config).Handshake()
		}()
	}
}
