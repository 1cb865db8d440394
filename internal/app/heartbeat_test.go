package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
)

func heart(t *testing.T, url string) (*heartbeat, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newHeartbeat(config.Config{Heartbeat: config.Heartbeat{URLFile: file, Every: time.Millisecond}})
}

// A dead-man's switch calls when nobody calls it: so nothing is said while
// something that the worker needs is away.
func TestTheHeartbeatFallsSilentWhileTheEngineOrTheStoreIsAway(t *testing.T) {
	var calls atomic.Int32
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.WriteHeader(status)
	}))
	defer server.Close()
	h, err := heart(t, server.URL+"/ping/5ec7e7")
	if err != nil {
		t.Fatal(err)
	}
	var heard []string
	var away error
	h.heard = func(outcome string) { heard = append(heard, outcome) }
	h.looks = []func(context.Context) error{func(context.Context) error { return nil }, func(context.Context) error { return away }}
	if err := h.beat(t.Context()); err != nil || calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	away = errors.New("store: no space left on device")
	if err := h.beat(t.Context()); err == nil || calls.Load() != 1 || !strings.Contains(err.Error(), "withheld: store: no space left") {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	away, status = nil, http.StatusNotFound
	if err := h.beat(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
	server.Close()
	if err := h.beat(t.Context()); err == nil || strings.Contains(err.Error(), "5ec7e7") {
		t.Errorf("the address of the switch is a secret: %v", err)
	}
	if want := []string{"ok", "withheld", "failed", "failed"}; !slices.Equal(heard, want) {
		t.Errorf("counted %v, want %v", heard, want)
	}
}

func TestTroubleOfTheHeartbeatIsSaidOnceUntilItWorksAgain(t *testing.T) {
	h, err := heart(t, "http://127.0.0.1:1/")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	said, beats := 0, 0
	h.looks = []func(context.Context) error{func(context.Context) error { return errors.New("away") }}
	h.failed = func(string) { said++ }
	h.heard = func(string) {
		if beats++; beats == 3 {
			cancel()
		}
	}
	h.run(ctx)
	if said != 1 {
		t.Errorf("said %d times in %d beats", said, beats)
	}
}

func TestWhatIsNoAddressOfASwitchIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, text := range []string{"5ec7e7", "ftp://x/5ec7e7", "https:///5ec7e7", "http://a b/5ec7e7"} {
		if _, err := heart(t, text); err == nil || strings.Contains(err.Error(), "5ec7e7") || !strings.HasPrefix(err.Error(), "heartbeat.url_file: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if h, err := newHeartbeat(config.Config{}); h != nil || err != nil {
		t.Errorf("%v %v", h, err)
	}
}
