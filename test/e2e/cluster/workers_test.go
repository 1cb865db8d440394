package cluster

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const twoThresholds = `
  - name: fast
    thresholds: [{left: 140s, severity: P3}, {left: 100s, severity: P2}]
    inform: 0
    renew_left: 50%
    renew_left_short: 60s
    last_safe: 10s
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: direct}, {after: 10m, notify: [team], reach: direct}]
      - name: P2
        steps: [{notify: [owner, team], reach: wide}, {after: 10m, notify: [manager], reach: page}]`

// killAt kills whichever worker reports an activity first, with the report.
func (c *cluster) killAt(activity string) (killed <-chan int) {
	out := make(chan int, 1)
	var once sync.Once
	for i := range c.proxies {
		c.proxies[i].OnActivity(func(m harness.Moment, name string) (err error) {
			if m == harness.After && name == activity {
				once.Do(func() {
					c.workers[i].Kill()
					out <- i
					err = harness.ErrDropped
				})
			}
			return err
		})
	}
	return out
}

func (c *cluster) dead(killed <-chan int, activity string) int {
	c.t.Helper()
	select {
	case i := <-killed:
		return i
	case <-time.After(2 * time.Minute):
		c.t.Fatalf("%s was never seen", activity)
		return 0
	}
}

func (c *cluster) told(id string) []notifytest.SlackMessage {
	var out []notifytest.SlackMessage
	for _, m := range c.Slack.Messages() {
		if m.Channel == c.Slack.Direct(id) {
			out = append(out, m)
		}
	}
	return out
}

func (c *cluster) onceEach() {
	c.t.Helper()
	seen := map[string]int{}
	for _, m := range c.Slack.Messages() {
		if len(m.Metadata) > 0 {
			seen[m.Channel+string(m.Metadata)]++
		}
	}
	for _, m := range c.Mail.Mails() {
		seen[strings.Join(m.To, ",")+m.MessageID]++
	}
	if len(seen) == 0 {
		c.t.Error("nothing was sent")
	}
	for key, n := range seen {
		if n > 1 {
			c.t.Errorf("sent %d times: %s", n, key)
		}
	}
}

// An alert is answered at one worker, which dies with the new certificate in its
// hands; the other installs that certificate, and nobody does anything.
func TestOnPostgreSQLAWorkerIsKilledInARenewalAndTheOtherGoesOn(t *testing.T) {
	t.Parallel()
	c := prepare(t, harness.Options{Policies: twoThresholds, Nginx: targettest.NginxOptions{Servers: []targettest.NginxServer{site(t, "www.shop.test", 150*time.Second)}}})
	killed := c.killAt("Finalize")
	c.start(0)
	c.start(1)
	before := c.served(0)
	c.manage("shop", 0, "--policy", "fast")
	c.cli("pause", "shop", "--until", "80s", "--reason", "change freeze")
	c.eventually("the owner to be told", func() (bool, error) { return len(c.told(harness.OwnerSlack)) > 0, nil })
	resp, err := c.Slack.Click(t.Context(), "http://"+c.pages[1]+"/slack/interactions", c.told(harness.OwnerSlack)[0], alert.ActAcknowledge, harness.OwnerSlack)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the click was answered by %d", resp.StatusCode)
	}
	c.until("shop", "the acknowledgement", func(s workflows.Status) bool {
		for _, a := range s.State.Alerts {
			if a.Reason == alert.Expiring && a.Status == lifecycle.Acknowledged && a.Answer.By == "minji" {
				return true
			}
		}
		return false
	})
	i := c.dead(killed, "Finalize")
	s := c.until("shop", "the other worker to finish the renewal", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before && len(s.State.Flights) == 0
	})
	c.eventually("nginx to serve what is live", func() (bool, error) { return c.served(0) == s.State.Live.Fingerprint, nil })
	if n := c.CA.Issued(); n != 1 {
		t.Errorf("%d certificates at the CA, want 1", n)
	}
	c.onceEach()
	if c.workers[i].Running() || !c.workers[1-i].Running() {
		t.Error("not one worker was left")
	}
	if text := c.cli("history", "shop"); !strings.Contains(text, "acknowledged") || !strings.Contains(text, "minji") {
		t.Errorf("history lost the answer:\n%s", text)
	}
}
