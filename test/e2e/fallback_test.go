package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// turning renews at once, and has the next CA tried after so many failures.
func turning(after int) string {
	return fmt.Sprintf(`
  - name: turning
    thresholds: [{left: 2s, severity: P3}]
    inform: 0
    renew_left: 99%%
    renew_left_short: 99%%
    last_safe: 60s
    max_attempts: 40
    retry_every: 5s
    proof_timeout: 10s
    fallback_cas: [spare]
    fallback_after: %d`, after)
}

// bound is a CA that wants accounts bound to one of its own: ours is not.
func bound() pebbletest.Options {
	return pebbletest.Options{EAB: map[string]string{"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}}
}

func TestAnotherCAThatCouldNeverIssueIsRefusedAtTheDoor(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: turning(1), Spare: &pebbletest.Options{}, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	enroll := func(code int, more ...string) string {
		return w.cli(code, append([]string{"enroll", "--cert-name", "shop", "--manage", "--ca", "pebble", "--target", "www.shop.test", "-d", "www.shop.test", "--owner", "minji"}, more...)...)
	}
	for _, c := range []struct {
		list  string
		words []string
	}{
		{"spare,pebble,nowhere", []string{`fallback_cas: "pebble" is named twice`, `"nowhere" is not configured; use some of bought, pebble, spare`}},
		{"bought", []string{"fallback_cas: bought issues only what people order and supply"}},
		{"none,spare", []string{`"none" stands alone`}},
	} {
		says(t, enroll(4, "--fallback-ca", c.list), c.words...)
	}
	w.absent("shop")
	if out := w.cli(2, "enroll", "www.shop.test", "--fallback-ca", "spare"); !strings.Contains(out, "--fallback-ca needs --manage") {
		t.Errorf("a certificate that is only watched has other CAs:\n%s", out)
	}
	says(t, enroll(0, "--fallback-ca", "spare", "--dry-run"), "renewed by pebble, then spare")
}

// exact is a CA that refuses no good nonce: after a refusal there would be no answer to lose.
func exact() pebbletest.Options { return pebbletest.Options{AuthzReuse: 50} }

// loseTheAnswer has the CA issue, lose its answer, and name a date before which
// it does not tell.
func loseTheAnswer(ca *pebbletest.CA, seconds int) {
	ca.FailAt(pebbletest.Finalize, pebbletest.Reset)
	ca.OnRequest(func(step string, _ *http.Request) {
		if step == string(pebbletest.Finalize) {
			ca.SetRetryAfter(http.StatusServiceUnavailable, seconds)
		}
	})
}

func TestACAThatKeepsFailingIsLeftForTheNextOneAndPeopleAreToldWhich(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: turning(2), CA: bound(), Spare: &pebbletest.Options{}, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.Spare.SetDown(true)
	w.tenMinutes()
	w.manage("shop", 0, "--policy", "turning")
	w.eventually("the owner to read which CA is tried now", func() bool {
		m := w.pages(harness.OwnerSlack, alert.RenewalFailing)
		return len(m) > 0 && strings.Contains(m[0].Reading(), "renewing at pebble failed 2 times in a row, spare is tried now")
	})
	if out := w.cli(0, "explain", "shop"); !strings.Contains(out, "so spare is tried since") {
		t.Errorf("explain does not say so:\n%s", out)
	}
	if out := w.cli(0, "status", "shop"); !strings.Contains(out, "spare is tried now instead of pebble") {
		t.Errorf("status does not say so:\n%s", out)
	}
	w.Spare.SetDown(false)
	s := w.until("shop", "the other CA to issue", func(s workflows.Status) bool { return s.State.Live.CA == "spare" })
	w.eventually("nginx to serve it", func() bool { return w.served(0) == s.State.Live.Fingerprint })
	if a, b := w.CA.Issued(), w.Spare.Issued(); a != 0 || b != 1 {
		t.Errorf("%d certificates at the first CA, %d at the other, want 0 and 1", a, b)
	}
	if said := w.journal("shop", "next-ca"); len(said) == 0 || said[0].Details["from"] != "pebble" || said[0].Details["to"] != "spare" {
		t.Errorf("the journal does not say so: %+v", said)
	}
	if m := s.State.Renewal.Moved; m != nil {
		t.Errorf("the next renewal does not begin at the first CA: %+v", m)
	}
}

func TestACertificateWhoseAnswerWasLostIsNotOrderedFromAnotherCA(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: turning(1), CA: exact(), Spare: &pebbletest.Options{}, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	loseTheAnswer(w.CA, 60) // longer than a step waits by itself
	w.tenMinutes()
	w.manage("shop", 0, "--policy", "turning")
	s := w.until("shop", "the other CA to wait for what became of the order", func(s workflows.Status) bool {
		n := len(s.State.Renewal.Attempts)
		return n > 0 && s.State.Renewal.Attempts[n-1].Outcome == lifecycle.Unsettled
	})
	if m := s.State.Renewal.Moved; m == nil || m.To != "spare" || w.CA.Issued() != 1 {
		t.Fatalf("moved %+v, %d certificates at the first CA", m, w.CA.Issued())
	}
	if out := w.cli(0, "status", "shop"); !strings.Contains(out, "neverlapse renew shop --new") {
		t.Errorf("nobody is told what waits, and what to type:\n%s", out)
	}
	w.CA.OnRequest(nil)
	w.CA.SetRetryAfter(0, 0)
	w.usedIsTheFirstCAs(t)
}

// usedIsTheFirstCAs waits for the certificate that the first CA issued, and finds no other.
func (w *world) usedIsTheFirstCAs(t *testing.T) {
	t.Helper()
	s := w.until("shop", "the certificate that was there already to be used", func(s workflows.Status) bool { return s.State.Live.CA != "" })
	w.eventually("nginx to serve it", func() bool { return w.served(0) == s.State.Live.Fingerprint })
	if a, b := w.CA.Issued(), w.Spare.Issued(); s.State.Live.CA != "pebble" || a != 1 || b != 0 {
		t.Errorf("live is of %s; %d certificates at the first CA, %d at the other, want 1 and 0", s.State.Live.CA, a, b)
	}
}

// The worker dies around every step of the change from one CA to the other.
func TestAWorkerKilledBetweenTwoCAsCostsNoSecondCertificate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		moment   harness.Moment
		activity string
		nth      int // of those activities, over both CAs; those that fail have no After
		lost     bool
	}{
		{harness.Before, "Order", 2, false}, // the first CA refused
		{harness.After, "Order", 1, false},
		{harness.Before, "Finalize", 1, false},
		{harness.After, "Finalize", 1, false},
		{harness.Before, "Settle", 1, true},
		{harness.After, "Settle", 1, true},
	} {
		t.Run(fmt.Sprintf("%s %s %d", c.moment, c.activity, c.nth), func(t *testing.T) {
			t.Parallel()
			killedBetween(t, c.moment, c.activity, c.nth, c.lost)
		})
	}
}

func killedBetween(t *testing.T, moment harness.Moment, activity string, nth int, lost bool) {
	proxy, err := harness.NewProxy(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	first := bound()
	if lost {
		first = exact()
	}
	w := prepare(t, harness.Options{Engine: proxy.Address, Upstream: server.Address(), Policies: turning(1), CA: first, Spare: &pebbletest.Options{}, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	if lost {
		loseTheAnswer(w.CA, 35)
	}
	killed := make(chan struct{})
	var mu sync.Mutex
	seen := 0
	proxy.OnActivity(func(m harness.Moment, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if name == "Settle" {
			w.CA.OnRequest(nil)
			w.CA.SetRetryAfter(0, 0)
		}
		if m != moment || name != activity {
			return nil
		}
		if seen++; seen != nth {
			return nil
		}
		w.Worker.Kill()
		close(killed)
		return harness.ErrDropped
	})
	w.start()
	w.tenMinutes()
	w.manage("shop", 0, "--policy", "turning")
	select {
	case <-killed:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s was never seen for the %d. time", activity, nth)
	}
	w.start()
	if lost {
		w.usedIsTheFirstCAs(t)
		return
	}
	s := w.until("shop", "the other CA to issue", func(s workflows.Status) bool { return s.State.Live.CA == "spare" })
	w.eventually("nginx to serve it", func() bool { return w.served(0) == s.State.Live.Fingerprint })
	if a, b := w.CA.Issued(), w.Spare.Issued(); a != 0 || b != 1 {
		t.Errorf("%d certificates at the first CA, %d at the other, want 0 and 1", a, b)
	}
}
