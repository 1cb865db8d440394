package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const upgradePolicies = `
  - name: asking
    approval: {before: deploy, by: [owner, manager, on-call], count: 2}
  - name: telling
    thresholds: [{left: 20d, severity: P3}]
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: direct}, {after: 30m, notify: [team], reach: direct}]`

// between are the certificates whose renewal comes to one step and no further,
// and the step.
var between = []struct{ name, step string }{{"installs", "Install"}, {"authorizes", "Authorize"}, {"orders", "Order"}}

// gate keeps a worker's reports of these steps back until it is opened: the effect
// was had, and the engine does not know.
type gate struct {
	mu     sync.Mutex
	came   map[string]bool
	opened chan struct{}
	open   func()
}

func (c *cluster) gate(worker int) *gate {
	g := &gate{came: map[string]bool{}, opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	c.t.Cleanup(g.open)
	c.proxies[worker].OnActivityOf(func(m harness.Moment, activity, workflow string) error {
		for _, b := range between {
			if m == harness.After && activity == b.step && strings.HasPrefix(workflow, "renewal/"+b.name+"/") {
				g.mu.Lock()
				g.came[b.name] = true
				g.mu.Unlock()
				<-g.opened
			}
		}
		return nil
	})
	return g
}

// inTheMiddle has certificates renewed until each is in the middle of its step.
func (c *cluster) inTheMiddle(g *gate) {
	c.t.Helper()
	for _, b := range between {
		c.cli("renew", b.name, "--as", "minji", "--new")
		c.eventually(b.name+" to be in the middle of "+b.step, func() (bool, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.came[b.name], nil
		})
	}
}

// renewed waits until every one serves another version than it had.
func (c *cluster) renewed(had map[string]cert.Fingerprint) {
	c.t.Helper()
	for i, b := range between {
		s := c.until(b.name, b.name+" to be renewed", func(s workflows.Status) bool {
			return s.State.Live.Fingerprint != had[b.name] && len(s.State.Flights) == 0 && s.Unread == 0
		})
		c.eventually("nginx to serve what is live of "+b.name, func() (bool, error) { return c.served(i) == s.State.Live.Fingerprint, nil })
		had[b.name] = s.State.Live.Fingerprint
	}
}

// firing finds an alert that somebody was told of.
func firing(s workflows.Status, reason alert.Reason) *lifecycle.Alert {
	for _, a := range s.State.Alerts {
		if a.Reason == reason && len(a.Receipts) > 0 {
			return &a
		}
	}
	return nil
}

// endings counts the ends of attempts in the journal of a certificate.
func (c *cluster) endings(name string) (n int) {
	c.t.Helper()
	var entries []cert.Entry
	if err := json.Unmarshal([]byte(c.cli("history", name, "-o", "json")), &entries); err != nil {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Kind == "outcome" {
			n++
		}
	}
	return n
}

// acknowledges has the owner click at a worker, in the last message about a certificate.
func (c *cluster) acknowledges(worker int, name string) {
	c.t.Helper()
	messages := c.told(harness.OwnerSlack)
	slices.Reverse(messages)
	for _, m := range messages {
		if !strings.Contains(m.Reading(), name) || !slices.Contains(m.Buttons(), string(alert.ActAcknowledge)) {
			continue
		}
		resp, err := c.Slack.Click(c.t.Context(), "http://"+c.pages[worker]+"/slack/interactions", m, alert.ActAcknowledge, harness.OwnerSlack)
		if err != nil {
			c.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			c.t.Fatalf("the click was answered by %d", resp.StatusCode)
		}
		return
	}
	c.t.Fatalf("the owner was told nothing of %s that can be acknowledged", name)
}

// takes waits until a worker has runs take patches up to a level.
func (c *cluster) takes(worker, level int) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("worker %d to have patches up to level %d taken", worker, level), func() (bool, error) {
		out := c.workers[worker].Output()
		i := strings.LastIndex(out, "workflows take patches up to this level")
		return i >= 0 && strings.Contains(out[i:], fmt.Sprintf("level=%d known=", level)), nil
	})
}

// Two releases, whose workflows give other commands, do the work side by side,
// and each workflow task goes to whichever asks first. Certificates are in the
// middle of an order, an authorization, a deployment, an alert and an approval
// when the new one comes, and again when it goes and the old one has to finish
// what it began. Only once the old one is gone for good do runs go the new way.
func TestOnPostgreSQLTwoReleasesWorkSideBySideForwardsAndBack(t *testing.T) {
	t.Parallel()
	next, err := buildNext(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const oldOne, newOne, lifetime = 0, 1, 90 * 24 * time.Hour
	c := prepare(t, harness.Options{Policies: upgradePolicies, Nginx: targettest.NginxOptions{Servers: []targettest.NginxServer{
		site(t, "installs.shop.test", lifetime), site(t, "authorizes.shop.test", lifetime), site(t, "orders.shop.test", lifetime),
		site(t, "pay.shop.test", lifetime), site(t, "seen.shop.test", 10*24*time.Hour), site(t, "later.shop.test", 10*24*time.Hour),
	}}})
	c.workers[newOne].Args[0] = next
	for _, p := range c.proxies {
		p.Scatter()
	}
	watch := func(name string, i int) {
		c.cli("enroll", c.Nginx.Addresses[i]+"#"+c.Nginx.Servers[i].Name, "--cert-name", name, "--owner", "minji", "--team", "platform", "--policy", "telling")
		c.until(name, "an alert that was told", func(s workflows.Status) bool { return firing(s, alert.Expiring) != nil })
	}
	answered := func(worker int, name string) {
		c.acknowledges(worker, name)
		c.until(name, "the acknowledgement", func(s workflows.Status) bool {
			a := firing(s, alert.Expiring)
			return a != nil && a.Status == lifecycle.Acknowledged && a.Answer.By == "minji"
		})
	}
	asks := func() (candidate cert.Fingerprint) {
		c.cli("renew", "pay", "--as", "hana", "--note", "the key is old", "--new")
		s := c.until("pay", "people to be asked", func(s workflows.Status) bool {
			return firing(s, alert.ApprovalNeeded) != nil && s.State.Renewal.Candidate.Fingerprint != "" && len(s.State.Flights) == 0
		})
		c.cli("approve", "pay", "--as", "minji")
		return s.State.Renewal.Candidate.Fingerprint
	}
	approved := func(candidate cert.Fingerprint) {
		c.cli("approve", "pay", "--as", "jun")
		c.until("pay", "the candidate to be live", func(s workflows.Status) bool {
			return s.State.Live.Fingerprint == candidate && len(s.State.Flights) == 0 && s.Unread == 0
		})
	}

	// The old release alone.
	kept := c.gate(oldOne)
	c.start(oldOne)
	had := map[string]cert.Fingerprint{}
	for i, b := range between {
		c.manage(b.name, i)
		had[b.name] = c.served(i)
	}
	c.manage("pay", 3, "--policy", "asking")
	for _, name := range []string{"pay", between[0].name, between[1].name, between[2].name} {
		c.until(name, "the first look at "+name, func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" })
	}
	watch("seen", 4)
	candidate := asks()
	c.inTheMiddle(kept)

	// The new one comes.
	c.start(newOne)
	c.takes(newOne, workflows.PatchLevel())
	kept.open()
	answered(newOne, "seen")
	approved(candidate)
	c.renewed(had)
	both := c.runs()

	// The old one goes, and the new one may have to go back.
	c.workers[oldOne].Stop()
	c.workers[newOne].Stop()
	c.workers[newOne].Env = append(c.workers[newOne].Env, fmt.Sprint("NEVERLAPSE_TEMPORAL_PATCH_LEVEL=", workflows.PatchLevel()))
	kept = c.gate(newOne)
	c.start(newOne)
	watch("later", 5)
	candidate = asks()
	c.inTheMiddle(kept)
	c.workers[newOne].Kill()
	kept.open()
	c.start(oldOne)
	answered(oldOne, "later")
	approved(candidate)
	c.renewed(had)

	sound(t, "side by side", both)
	after := c.runs()
	sound(t, "after going back", after)
	if !slices.ContainsFunc(after, func(r past) bool { _, left := r.went(nextPatch); return left }) {
		t.Errorf("the new release came to its patch in none of %d runs", len(after))
	}
	shared := map[string]int{}
	for _, r := range both {
		if len(r.workers()) > 1 {
			shared[r.kind]++
		}
	}
	if shared["CertificateWorkflow"] == 0 || shared["RenewalWorkflow"] == 0 { // who gets which task is chance
		t.Errorf("the releases shared no more than these runs: %v", shared)
	}

	// The new one for good.
	c.workers[oldOne].Stop()
	c.workers[newOne].Env = slices.DeleteFunc(c.workers[newOne].Env, func(v string) bool { return strings.HasPrefix(v, "NEVERLAPSE_TEMPORAL_PATCH_LEVEL=") })
	c.start(newOne)
	c.takes(newOne, workflows.PatchLevel()+1)
	c.cli("renew", between[0].name, "--as", "minji", "--new", "--wait")
	ways := 0
	for _, r := range c.runs() {
		if taken, _ := r.went(nextPatch); taken {
			ways++
			if r.replays() == nil {
				t.Errorf("%s went the new way, and the old release replays it all the same: this test holds nothing", r.id)
			}
		}
	}
	if ways == 0 {
		t.Error("with the new release alone no run goes the new way")
	}

	for _, b := range between {
		want := 2
		if b == between[0] {
			want = 3
		}
		if n := c.endings(b.name); n != want {
			t.Errorf("%s: the journal tells of %d attempts, want %d", b.name, n, want)
		}
	}
	if n, want := c.CA.Issued(), 2*len(between)+2+1; n != want {
		t.Errorf("%d certificates at the CA, want %d", n, want)
	}
	c.onceEach()
}

// sound holds that no workflow task failed for want of knowing the commands, that
// no run went the new way, and that this release replays every one.
func sound(t *testing.T, when string, all []past) {
	t.Helper()
	for _, r := range all {
		for _, why := range r.failed() {
			t.Errorf("%s: %s: a workflow task failed: %s", when, r.id, why)
		}
		if taken, _ := r.went(nextPatch); taken {
			t.Errorf("%s: %s went the way of the new release", when, r.id)
		}
		if err := r.replays(); err != nil {
			t.Errorf("%s: %s: %v", when, r.id, err)
		}
	}
}
