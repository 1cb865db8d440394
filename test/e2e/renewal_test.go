package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// site is an nginx server whose certificate has this long to live.
func site(t *testing.T, name string, left time.Duration) targettest.NginxServer {
	t.Helper()
	now := time.Now()
	pair, err := targettest.NewPair([]string{name}, now.Add(-time.Hour), now.Add(left))
	if err != nil {
		t.Fatal(err)
	}
	return targettest.NginxServer{Name: name, Initial: pair}
}

func sites(s ...targettest.NginxServer) targettest.NginxOptions {
	return targettest.NginxOptions{Servers: s}
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// manage enrols the i-th nginx server's certificate to be renewed here.
func (w *world) manage(name string, i int, more ...string) string {
	w.t.Helper()
	s := w.Nginx.Servers[i].Name
	return w.cli(0, append([]string{"enroll", "127.0.0.1:" + portOf(w.Nginx.Addresses[i]), "--cert-name", name, "-d", s,
		"--endpoint", w.Nginx.Addresses[i] + "#" + s, "--manage", "--ca", "pebble", "--target", s, "--owner", "minji", "--team", "platform"}, more...)...)
}

// watch enrols it to be watched only.
func (w *world) watch(name string, i int, more ...string) string {
	w.t.Helper()
	s := w.Nginx.Servers[i].Name
	return w.cli(0, append([]string{"enroll", w.Nginx.Addresses[i] + "#" + s, "--cert-name", name, "-d", s, "--owner", "minji", "--team", "platform"}, more...)...)
}

// slackTo lists what was posted to a user's direct messages or to a channel.
func (w *world) slackTo(id string) []notifytest.SlackMessage {
	if strings.HasPrefix(id, "U") {
		id = w.Slack.Direct(id)
	}
	var out []notifytest.SlackMessage
	for _, m := range w.Slack.Messages() {
		if m.Channel == id {
			out = append(out, m)
		}
	}
	return out
}

// click presses a button of a message, as Slack reports it.
func (w *world) click(m notifytest.SlackMessage, action alert.Action, user string, o ...notifytest.ClickOption) int {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	resp, err := w.Slack.Click(ctx, w.SlackURL(), m, action, user, o...)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

const thresholdsPolicy = `
  - name: fast
    thresholds: [{left: 140s, severity: P3}, {left: 100s, severity: P2}]
    inform: 0
    renew_left: 50%
    renew_left_short: 60s
    last_safe: 10s
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: direct}, {after: 20s, notify: [team], reach: direct}]
      - name: P2
        steps: [{notify: [owner, team], reach: wide}, {after: 10m, notify: [manager], reach: page}]`

func TestAnAlertIsAcknowledgedByAClickAndClosedByTheRenewal(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: thresholdsPolicy, Nginx: sites(site(t, "www.shop.test", 150*time.Second))})
	before := w.served(0)
	w.manage("shop", 0, "--policy", "fast")
	w.cli(0, "pause", "shop", "--until", "80s", "--reason", "change freeze") // renewal waits, alerts do not

	w.eventually("the owner to be told of the first threshold", func() bool { return len(w.slackTo(harness.OwnerSlack)) > 0 })
	first := w.slackTo(harness.OwnerSlack)[0]
	if got := w.click(first, alert.ActAcknowledge, harness.OwnerSlack); got != http.StatusOK {
		t.Fatalf("the click was answered by %d", got)
	}
	s := w.until("shop", "the acknowledgement", func(s workflows.Status) bool {
		a := open(s, "expiring")
		return a != nil && a.Status == lifecycle.Acknowledged
	})
	if a := open(s, "expiring"); a.Answer.By != "minji" || a.Answer.Via != "slack" {
		t.Errorf("acknowledged by %+v", a.Answer)
	}
	w.eventually("the message to show who has it", func() bool {
		return strings.Contains(w.slackTo(harness.OwnerSlack)[0].Reading(), "minji") || strings.Contains(w.slackTo(harness.OwnerSlack)[0].Reading(), "Minji")
	})

	s = w.until("shop", "the renewal to be proven", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before && open(s, "expiring") == nil
	})
	if got := w.served(0); got != s.State.Live.Fingerprint {
		t.Errorf("nginx serves %s, live is %s", got, s.State.Live.Fingerprint)
	}
	var closed *lifecycle.Alert
	for _, a := range s.State.Alerts {
		if a.Reason == alert.Expiring && a.Version == before {
			closed = &a
		}
	}
	if closed == nil || !strings.Contains(closed.Evidence, s.State.Live.Fingerprint.Short()) || !strings.Contains(closed.Evidence, w.Nginx.Addresses[0]) {
		t.Fatalf("closed by what? %+v", closed)
	}
	w.eventually("the message to say that it is resolved", func() bool { return len(w.slackTo(harness.OwnerSlack)[0].Buttons()) == 0 })
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates were issued, want 1", n)
	}
	w.eachNoticeOnce(closed.Told)
	if got := w.slackTo(harness.ManagerSlack); len(got) != 0 {
		t.Errorf("the manager was told: %v", got)
	}
	w.written("shop")
	history := w.cli(0, "history", "shop")
	for _, want := range []string{"enrolled", "acknowledged", "minji", "resolved"} {
		if !strings.Contains(history, want) {
			t.Errorf("history does not tell %q:\n%s", want, history)
		}
	}
}

// eachNoticeOnce holds that nobody got one notice twice by one channel.
func (w *world) eachNoticeOnce(notices int) {
	w.t.Helper()
	if notices == 0 {
		w.t.Error("no notice was sent")
	}
	seen := map[string]int{}
	for _, m := range w.Slack.Messages() {
		if len(m.Metadata) > 0 {
			seen[m.Channel+string(m.Metadata)]++
		}
	}
	for _, m := range w.Mail.Mails() {
		seen[strings.Join(m.To, ",")+m.MessageID]++
	}
	for key, n := range seen {
		if n > 1 {
			w.t.Errorf("sent %d times: %s", n, key)
		}
	}
}

func TestAWatchedCertificateReplacedByHandIsResolvedByCheckAgain(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Nginx: sites(site(t, "old.shop.test", 2*time.Minute))})
	w.watch("old", 0)
	w.eventually("the owner to be told", func() bool { return len(w.slackTo(harness.OwnerSlack)) > 0 })
	w.until("old", "the alert to be delivered", func(s workflows.Status) bool {
		a := open(s, "expiring")
		return a != nil && len(a.Receipts) > 0 && len(s.State.Flights) == 0
	})

	fresh := site(t, "old.shop.test", 90*24*time.Hour)
	w.replaceByHand(0, fresh)
	sent := len(w.Mail.Mails())
	first := w.slackTo(harness.OwnerSlack)[0]
	if got := w.click(first, alert.ActCheck, harness.OwnerSlack); got != http.StatusOK {
		t.Fatalf("the click was answered by %d", got)
	}
	w.until("old", "the alert to be resolved", func(s workflows.Status) bool {
		return open(s, "expiring") == nil && s.State.Live.Fingerprint == targettest.FingerprintOf(fresh.Initial)
	})
	w.eventually("the message to say so", func() bool { return len(w.slackTo(harness.OwnerSlack)[0].Buttons()) == 0 })
	s := w.until("old", "everything to be told", func(s workflows.Status) bool { return len(s.State.Flights) == 0 && s.Unread == 0 })
	for _, m := range w.Mail.Mails()[sent:] {
		if !strings.Contains(strings.ToLower(m.Subject), "resolved") {
			t.Errorf("sent after the resolution: %s", m.Subject)
		}
	}
	if len(s.Upcoming) == 0 || s.Upcoming[0].At.Before(time.Now().Add(24*time.Hour)) {
		t.Errorf("something is still to be sent soon: %+v", s.Upcoming)
	}
}

// replaceByHand does what an administrator does: new files, reload.
func (w *world) replaceByHand(i int, s targettest.NginxServer) {
	w.t.Helper()
	live := w.Nginx.Servers[i]
	writeFile(w.t, live.Certificate, s.Initial.Chain)
	writeFile(w.t, live.Key, s.Initial.Key)
	if err := w.Nginx.Signal(hup); err != nil {
		w.t.Fatal(err)
	}
	want := targettest.FingerprintOf(s.Initial)
	w.eventually("nginx to serve what was put there by hand", func() bool {
		for range 10 { // for a moment an old process of nginx may take connections beside the new one
			if w.served(i) != want {
				return false
			}
		}
		return true
	})
}
