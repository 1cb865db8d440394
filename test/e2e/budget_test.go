package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// orders notes when the CA was asked for new orders.
type orders struct {
	mu sync.Mutex
	at []time.Time
}

func (o *orders) saw(step string, _ *http.Request) {
	if step == "order" {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.at = append(o.at, time.Now())
	}
}

func (o *orders) all() []time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]time.Time(nil), o.at...)
}

func shelves(t *testing.T, n int) (targets string) {
	t.Helper()
	for i := range n {
		targets += fmt.Sprintf("  - {name: shelf%d, kind: file, options: {directory: %s}}\n", i, t.TempDir())
	}
	return targets
}

// shelve enrols a certificate that goes to the i-th shelf.
func (w *world) shelve(i int, more ...string) {
	w.t.Helper()
	name := fmt.Sprint("shelf", i)
	args := []string{"enroll", "--cert-name", name, "-d", name + ".shop.test", "--manage", "--target", name, "--owner", "minji", "--team", "platform"}
	if !strings.Contains(strings.Join(more, " "), "--ca") {
		args = append(args, "--ca", "pebble")
	}
	w.cli(0, append(args, more...)...)
}

func TestInA429StormNoOrderIsSentBeforeTheCAsDateAndAllAreIssued(t *testing.T) {
	t.Parallel()
	const fleet, most, within = 5, 3, 10 * time.Second
	w := enter(t, harness.Options{
		NoNginx: true, Policies: early, Targets: shelves(t, fleet),
		CA:        pebbletest.Options{AuthzReuse: 50}, // a refused nonce would look like one more order
		CAOptions: fmt.Sprintf(", limits: [{per: account, most: %d, within: %s}]", most, within),
	})
	var seen orders
	w.CA.OnRequest(seen.saw)
	w.CA.SetRetryAfter(http.StatusTooManyRequests, 60)
	w.shelve(0, "--policy", "early")
	s := w.until("shelf0", "the CA's word to be taken", func(s workflows.Status) bool { return !s.State.Renewal.NotBefore.IsZero() && len(s.State.Flights) == 0 })
	date := s.State.Renewal.NotBefore
	w.CA.SetRetryAfter(0, 0)
	w.Worker.Kill() // what it had in memory is lost
	w.start()
	before := len(seen.all())
	for i := 1; i < fleet; i++ {
		w.shelve(i, "--policy", "early")
	}
	if time.Now().Before(date.Add(-10 * time.Second)) {
		w.until("shelf1", "the others to wait", func(s workflows.Status) bool {
			return s.Summary.State == lifecycle.StateRenewing || s.State.Renewal.Awaits != nil
		})
		says(t, w.cli(0, "ca", "budget", "pebble"), "account ops@example.com", "not before", "429")
	}
	for i := range fleet {
		w.until(fmt.Sprint("shelf", i), "the certificate", func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" && len(s.State.Flights) == 0 })
	}
	at := seen.all()[before:]
	for i, a := range at {
		if a.Before(date) {
			t.Errorf("an order was sent at %s, before the CA's date %s", a, date)
		}
		if i >= most && a.Sub(at[i-most]) < within {
			t.Errorf("%d orders within %s", most+1, a.Sub(at[i-most]))
		}
	}
	if len(at) != fleet || w.CA.Issued() != fleet {
		t.Errorf("%d orders gave %d certificates, want %d of both", len(at), w.CA.Issued(), fleet)
	}
	for i := range fleet {
		s := w.until(fmt.Sprint("shelf", i), "an answer", func(workflows.Status) bool { return true })
		for _, a := range s.State.Renewal.Attempts {
			if a.Counts {
				t.Errorf("%s: an attempt was counted: %+v", s.State.Spec.Name, a)
			}
		}
	}
	says(t, w.cli(0, "ca", "budget"), "of 3")
}
