package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// A CA pulls the windows of thirty certificates at once. All are renewed, the
// shortest-dated first and no faster than the budget allows, and people hear of
// one event.
func TestThirtyWindowsThatArePulledAtOnceAreOneEventWithinTheBudget(t *testing.T) {
	t.Parallel()
	const fleet, most, within = 30, 5, 6 * time.Second
	profiles := []string{"long", "middle", "short"} // enrolled in this order, needed in the other
	w := enter(t, harness.Options{
		NoNginx: true, Policies: patient, PollEvery: "20h", Targets: shelves(t, fleet),
		CA:        pebbletest.Options{Profiles: map[string]int{"short": 3600, "middle": 7200, "long": 10800, "default": 3600}},
		CAOptions: fmt.Sprintf(", limits: [{per: account, most: %d, within: %s}]", most, within),
	})
	for i := range fleet {
		w.shelve(i, "--policy", "patient", "--profile", profiles[3*i/fleet])
	}
	before := make(map[string]cert.Version)
	for i := range fleet {
		name := fmt.Sprint("shelf", i)
		s := w.until(name, "its first certificate", func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" && len(s.State.Flights) == 0 })
		before[name] = s.State.Live
	}
	var seen orders
	w.CA.OnRequest(seen.saw)
	w.pullWindows()

	type renewed struct {
		of string // profile
		at time.Time
	}
	var all []renewed
	var mu sync.Mutex
	for i := range fleet {
		name := fmt.Sprint("shelf", i)
		s := w.until(name, "the renewal that the CA wants", func(s workflows.Status) bool {
			return s.State.Live.Fingerprint != before[name].Fingerprint && len(s.State.Flights) == 0
		})
		mu.Lock()
		all = append(all, renewed{profiles[3*i/fleet], s.State.Live.NotBefore})
		mu.Unlock()
	}
	if n := w.CA.Issued(); n != 2*fleet {
		t.Errorf("%d certificates were issued, want %d", n, 2*fleet)
	}
	at := seen.all()
	for i, a := range at {
		if i >= most && a.Sub(at[i-most]) < within {
			t.Errorf("%d orders within %s", most+1, a.Sub(at[i-most]))
		}
	}
	// Those that came first of all may be any: they found room before the others asked.
	slices.SortStableFunc(all, func(a, b renewed) int { return a.at.Compare(b.at) })
	for i := 2 * most; i < len(all); i++ {
		if later := all[i]; later.of == "short" && slices.ContainsFunc(all[most:i-most], func(r renewed) bool { return r.of == "long" }) {
			t.Errorf("a short-dated one was the %d. to be renewed, after a long-dated one: %v", i+1, all)
			break
		}
	}
	w.eventually("the team to hear of it", func() bool { return w.toldOfMass() > 0 })
	if n := w.toldOfMass(); n != 1 {
		t.Errorf("the team was told %d times of one event", n)
	}
	if got := w.slackTo(harness.OwnerSlack); len(got) != 0 {
		t.Errorf("the owner was told of what goes its way: %s", got[0].Reading())
	}
}

// pullWindows moves the window of every certificate into the past, and has the
// CA asked at once.
func (w *world) pullWindows() {
	w.t.Helper()
	now := time.Now()
	window := fmt.Sprintf(`{"suggestedWindow":{"start":%q,"end":%q},"explanationURL":"https://ca.test/incident"}`,
		now.Add(-2*time.Second).UTC().Format(time.RFC3339Nano), now.Add(-time.Second).UTC().Format(time.RFC3339Nano))
	for _, leaf := range w.CA.Certificates() {
		if err := w.CA.SetRenewalInfo(leaf, window); err != nil {
			w.t.Fatal(err)
		}
	}
	poll := w.client.ScheduleClient().GetHandle(w.t.Context(), workflows.InventoryID(workflows.RenewalInfo))
	if err := poll.Trigger(w.t.Context(), client.ScheduleTriggerOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// toldOfMass counts the messages to the team about many certificates at once.
func (w *world) toldOfMass() (n int) {
	for _, m := range w.slackTo(harness.TeamSlack) {
		if strings.Contains(string(m.Metadata), "mass-renewal") {
			n++
		}
	}
	return n
}
