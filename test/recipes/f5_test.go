package recipes_test

import (
	"encoding/pem"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// atF5 is the recipe over a stand-in.
func atF5(t *testing.T) (*f5, *target.Exec, *httptest.Server) {
	t.Helper()
	needed(t, "python3", "/usr/bin/python3")
	device := newF5()
	server := httptest.NewTLSServer(device)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return device, recipe(t, "f5.md", map[string]string{
		"https://lb1.example.com":      server.URL,
		"/etc/neverlapse/lb1-ca.pem":   write(t, filepath.Join(dir, "ca.pem"), string(ca)),
		"/etc/neverlapse/lb1-password": write(t, filepath.Join(dir, "password"), f5Password+"\n"),
	}), server
}

func TestF5TakesThePairInOneTransaction(t *testing.T) {
	device, tgt, _ := atF5(t)
	first, second := targettest.Fresh(t, "shop.example.com", "a.test"), targettest.Fresh(t, "shop.example.com", "a.test")
	if _, err := tgt.Installed(t.Context()); !fault.Is(err, fault.NotFound) {
		t.Errorf("Installed of an empty profile = %v", err)
	}
	for _, pair := range []cert.Pair{first, second, second} { // the last is a repetition
		before, err := tgt.Capture(t.Context())
		must(t, err)
		must(t, tgt.Preflight(t.Context()))
		must(t, tgt.Install(t.Context(), pair, before))
		if got := device.serves(t); got != targettest.FingerprintOf(pair) {
			t.Errorf("the profile has %s", got.Short())
		}
		v, err := tgt.Installed(t.Context())
		want, _ := pair.Version()
		if err != nil || v.Fingerprint != want.Fingerprint || !v.NotAfter.Equal(want.NotAfter) {
			t.Errorf("Installed = %+v, %v", v, err)
		}
		if n := device.left(); n > 0 {
			t.Errorf("uploads stay: %d", n)
		}
	}
	device.alone(func() {
		if device.saved < 3 || len(device.open) > 0 {
			t.Errorf("saved %d times, %d transactions are open", device.saved, len(device.open))
		}
	})
}

func TestF5IsRolledBackWithoutAKeyLeavingIt(t *testing.T) {
	device, tgt, _ := atF5(t)
	first, second := targettest.Fresh(t, "shop.example.com", "a.test"), targettest.Fresh(t, "shop.example.com", "a.test")
	empty, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Install(t.Context(), first, empty))
	before, err := tgt.Capture(t.Context())
	must(t, err)
	if strings.Contains(string(before), "PRIVATE") {
		t.Error("the capture holds a key")
	}
	must(t, tgt.Install(t.Context(), second, before))
	must(t, tgt.Restore(t.Context(), before))
	if got := device.serves(t); got != targettest.FingerprintOf(first) {
		t.Errorf("the profile has %s", got.Short())
	}
	device.alone(func() { device.refuse = "01070734:3: Configuration error: quota\x1b[31m" })
	err = tgt.Install(t.Context(), targettest.Fresh(t, "shop.example.com", "a.test"), before)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "Configuration error: quota") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("Install that is refused = %v", err)
	}
	if got := device.serves(t); got != targettest.FingerprintOf(first) || device.left() > 0 {
		t.Errorf("after a refusal the profile has %s, and %d uploads stay", got.Short(), device.left())
	}
}

func TestF5OutOfReachIsBehind(t *testing.T) {
	device, tgt, server := atF5(t)
	device.alone(func() { device.busy = true })
	if err := tgt.Preflight(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Preflight while it is busy = %v", err)
	}
	server.Close()
	if _, err := tgt.Capture(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Capture = %v", err)
	}
}
