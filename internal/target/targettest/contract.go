package targettest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func testRestores(t *testing.T, h Harness) {
	if len(h.Before) == 0 {
		t.Fatal("the harness names nothing that may have been there before")
	}
	for name, put := range h.Before {
		t.Run(name, func(t *testing.T) {
			s := setUp(t, h)
			put(t, s.dir)
			old, oldErr := s.Installed(t.Context())
			snapshot := s.state(t)
			before := s.capture(t)
			if err := s.Preflight(t.Context()); err != nil {
				t.Fatalf("Preflight: %v", err)
			}
			if d, ok := s.Target.(interface {
				Steps(context.Context) (cert.Steps, error)
			}); ok {
				if steps, err := d.Steps(t.Context()); err != nil || len(steps.Writes) == 0 {
					t.Errorf("Steps = %+v, %v; want what is written", steps, err)
				}
			}
			sameTree(t, "Capture, Preflight and Steps changed something", snapshot, s.state(t))
			s.install(t, s.a, before)
			s.install(t, s.b, before)
			was, err := s.CapturedVersion(before)
			if oldErr == nil && (err != nil || was.Fingerprint != old.Fingerprint) {
				t.Errorf("CapturedVersion = %s, %v; want %s", was.Fingerprint.Short(), err, old.Fingerprint.Short())
			}
			if fault.Is(oldErr, fault.NotFound) && !fault.Is(err, fault.NotFound) {
				t.Errorf("CapturedVersion of a place without a certificate = %v, want fault.NotFound", err)
			}
			for range 2 {
				if err := s.Restore(t.Context(), before); err != nil {
					t.Fatalf("Restore: %v", err)
				}
				sameTree(t, "Restore did not bring everything back", snapshot, s.state(t))
			}
		})
	}
}

// testNoWayBack: a place whose captures are no whole copies says so instead of
// pretending, and takes what it still has for a success.
func testNoWayBack(t *testing.T, h Harness) {
	s := setUp(t, h)
	if said, ok := s.Target.(interface{ Irreversible() string }); !ok || said.Irreversible() == "" {
		t.Error("the target does not say that it is irreversible")
	}
	before := s.capture(t)
	if err := s.Restore(t.Context(), before); err != nil {
		t.Errorf("Restore where nothing has changed = %v", err)
	}
	s.install(t, s.a, before)
	snapshot := s.state(t)
	if err := s.Restore(t.Context(), before); !fault.Is(err, fault.Configuration) {
		t.Errorf("Restore = %v, want fault.Configuration", err)
	}
	sameTree(t, "a Restore that is impossible changed something", snapshot, s.state(t))
	s.install(t, s.b, before)
}

func testIdempotent(t *testing.T, h Harness) {
	s := setUp(t, h)
	before := s.capture(t)
	s.install(t, s.a, before)
	snapshot := s.state(t)
	s.install(t, s.a, before)
	sameTree(t, "installing again changed something", snapshot, s.state(t))
	again := s.capture(t)
	if v, err := s.CapturedVersion(again); err != nil || v.Fingerprint != FingerprintOf(s.a) {
		t.Errorf("CapturedVersion = %s, %v; want %s", v.Fingerprint.Short(), err, FingerprintOf(s.a).Short())
	}
	if ids := s.Identity(); len(ids) == 0 || strings.Join(ids, "\n") != strings.Join(reopen(t, h, s.dir).Identity(), "\n") {
		t.Errorf("Identity is empty or not stable: %q", ids)
	}
}

func testFailingCheck(t *testing.T, h Harness) {
	s := setUp(t, h)
	snapshot, before := s.state(t), s.capture(t)
	text := s.BreakCheck(t)
	err := s.Install(t.Context(), s.a, before)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("Install with a failing check = %v; want fault.Configuration with the text %q", err, text)
	}
	sameTree(t, "the old bytes are not back", snapshot, s.state(t))
	s.RepairCheck(t)
	s.install(t, s.a, before)
}

func testAlreadyBroken(t *testing.T, h Harness) {
	s := setUp(t, h)
	snapshot := s.state(t)
	text := s.BreakCheck(t)
	err := s.Preflight(t.Context())
	for _, want := range []string{text, "already broken before anything was changed"} {
		if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("Preflight = %v; want fault.Configuration with the text %q", err, want)
		}
	}
	sameTree(t, "Preflight wrote something", snapshot, s.state(t))
}

func testFailingReload(t *testing.T, h Harness) {
	s := setUp(t, h)
	before := s.capture(t)
	s.BreakReload(t)
	if err := s.Install(t.Context(), s.a, before); !fault.Is(err, fault.Proof) {
		t.Errorf("Install with a failing reload = %v, want fault.Proof", err)
	}
	s.expect(t, s.a)
	s.RepairReload(t)
	s.install(t, s.a, before)
}

func testFailingRestore(t *testing.T, h Harness) {
	s := setUp(t, h)
	snapshot, before := s.state(t), s.capture(t)
	s.install(t, s.a, before)
	text := s.BreakCheck(t)
	err := s.Restore(t.Context(), before)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("Restore with a failing check = %v; want fault.Configuration with the text %q", err, text)
	}
	sameTree(t, "the old bytes are not back although only the check failed", snapshot, s.state(t))
	s.RepairCheck(t)
	s.BreakReload(t)
	if err := s.Restore(t.Context(), before); !fault.Is(err, fault.Proof) {
		t.Errorf("Restore with a failing reload = %v, want fault.Proof", err)
	}
	s.RepairReload(t)
	if err := s.Restore(t.Context(), before); err != nil {
		t.Errorf("Restore: %v", err)
	}
	sameTree(t, "the old bytes are not back", snapshot, s.state(t))
}

func testRefuses(t *testing.T, h Harness) {
	s := setUp(t, h)
	snapshot, before := s.state(t), s.capture(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		pair   cert.Pair
		before []byte
		kind   fault.Kind
	}{
		"the key of another certificate": {t.Context(), cert.Pair{Chain: s.a.Chain, Key: s.b.Key}, before, fault.Invalid},
		"no certificate":                 {t.Context(), cert.Pair{Chain: []byte("nothing"), Key: s.a.Key}, before, fault.Invalid},
		"no capture":                     {t.Context(), s.a, nil, fault.Invalid},
		"a capture of something else":    {t.Context(), s.a, []byte(`{"format":1,"layout":"other"}`), fault.Invalid},
		"a capture that is cut":          {t.Context(), s.a, before[:len(before)/2], fault.Invalid},
		"a caller that has gone":         {ended, s.a, before, fault.Transient},
	} {
		err := s.Install(c.ctx, c.pair, c.before)
		if !fault.Is(err, c.kind) {
			t.Errorf("%s: Install = %v, want fault.Kind %q", name, err, c.kind)
		}
		sameTree(t, name+" changed something", snapshot, s.state(t))
	}
}

func testConcurrent(t *testing.T, h Harness) {
	s := setUp(t, h)
	before := s.capture(t)
	pairs := []cert.Pair{s.a, s.b, mustPair(t), mustPair(t)}
	var wg sync.WaitGroup
	for _, pair := range pairs {
		target := reopen(t, h, s.dir)
		wg.Go(func() {
			if err := target.Install(t.Context(), pair, before); err != nil {
				t.Errorf("Install beside others: %v", err)
			}
		})
	}
	wg.Wait()
	last := FingerprintOf(s.read(t))
	for _, pair := range pairs {
		if FingerprintOf(pair) == last {
			s.expect(t, pair)
			return
		}
	}
	t.Errorf("after installs at the same time %s is there, which is none of them", last.Short())
}

func testKeyMode(t *testing.T, h Harness) {
	s := setUp(t, h)
	before := s.capture(t)
	stop := watchKeys(s.Dirs)
	for range 5 {
		s.install(t, s.a, before)
		s.install(t, s.b, before)
		if err := s.Restore(t.Context(), before); err != nil {
			t.Fatalf("Restore: %v", err)
		}
	}
	seen, wide := stop()
	if seen == 0 {
		t.Error("the watch saw no key at all, so it proves nothing")
	}
	for _, w := range wide {
		t.Errorf("a key was readable by others: %s", w)
	}
}
