package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// patient renews by itself only near the end of five minutes.
const patient = `
  - name: patient
    thresholds: [{left: 2s, severity: P3}]
    inform: 0
    renew_left: 10%
    renew_left_short: 10%
    last_safe: 5s
    retry_every: 1s`

func TestAWindowThatMovesUnderOurFeetIsFollowed(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{
		Policies: patient, PollEvery: "2s", Nginx: sites(site(t, "www.shop.test", 6*time.Minute)),
		CA: pebbletest.Options{Profiles: map[string]int{"default": 300}},
	})
	w.manage("shop", 0, "--policy", "patient")
	first := w.until("shop", "the first certificate", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && w.CA.Issued() == 1 && s.State.Window != nil && len(s.State.Flights) == 0
	})
	if first.Plan.WindowIgnored == "" { // Pebble's own window for so short a life is the whole of it
		t.Errorf("the window %+v is followed", first.State.Window)
	}
	leaf := w.CA.Certificates()[0]
	// The first second of its validity: one that begins before it is ignored.
	window := fmt.Sprintf(`{"suggestedWindow":{"start":%q,"end":%q},"explanationURL":"https://ca.test/incident"}`,
		leaf.NotBefore.UTC().Format(time.RFC3339Nano), leaf.NotBefore.Add(time.Second).UTC().Format(time.RFC3339Nano))
	if err := w.CA.SetRenewalInfo(leaf, window); err != nil {
		t.Fatal(err)
	}
	moved := time.Now()
	s := w.until("shop", "the renewal that the CA wants", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != first.State.Live.Fingerprint && len(s.State.Flights) == 0
	})
	if late := s.State.LiveAt.Sub(moved); s.State.LiveAt.After(first.Plan.RenewAt) {
		t.Errorf("renewed after %s, by the policy and not by the window", late)
	}
	if got := w.served(0); got != s.State.Live.Fingerprint {
		t.Errorf("nginx serves %s, live is %s", got, s.State.Live.Fingerprint)
	}
	if n := w.CA.Issued(); n != 2 {
		t.Errorf("%d certificates were issued, want 2", n)
	}
	if !w.CA.Replaced(leaf) {
		t.Error("the order did not name what it replaces")
	}
	history := w.cli(0, "history", "shop")
	says(t, history, "the CA suggests to renew between", "https://ca.test/incident", "ca-window-reached")
	if got := w.slackTo(harness.OwnerSlack); len(got) != 0 {
		t.Errorf("the owner was told: %s", got[0].Reading())
	}
}
