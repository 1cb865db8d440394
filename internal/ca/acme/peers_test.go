package acme

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

func TestAWorkerThatIsAskedForAChallengeOfAnotherAsksIt(t *testing.T) {
	t.Parallel()
	first, second := NewListener(""), NewListener("")
	var asked atomic.Int64
	serve := func(l *Listener) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			l.Handler().ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		return s
	}
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	t.Cleanup(liar.Close)
	b := serve(second)
	peers, err := NewPeers([]string{"127.0.0.1:1", liar.Listener.Addr().String(), b.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	first.Peers, second.Peers = peers, peers
	if err := second.present("token", "token.thumb"); err != nil {
		t.Fatal(err)
	}
	get := func(token string) (int, string) {
		w := httptest.NewRecorder()
		first.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, challengePath+token, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get("token"); code != http.StatusOK || body != "token.thumb" {
		t.Errorf("got %d %q", code, body)
	}
	asked.Store(0)
	if code, _ := get("unknown"); code != http.StatusNotFound || asked.Load() != 1 {
		t.Errorf("a token that nobody knows: %d, and the other was asked %d times; want once, for it passes nothing on", code, asked.Load())
	}
}

func TestPeersAreRefusedWithoutAPort(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "worker", "worker:", ":80", "worker:0", "http://worker:80"} {
		if _, err := NewPeers([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
