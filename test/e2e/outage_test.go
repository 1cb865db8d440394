package e2e

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/engine"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// stepsPolicy fires for what ends within two hours: first the owner is told, half a
// minute later the team, and then nobody any more.
const stepsPolicy = `
  - name: steps
    thresholds: [{left: 2h, severity: P3}]
    inform: 0
    last_safe: 10s
    observe_every: 1h
    unseen_after: 12h
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: direct}, {after: 30s, notify: [team], reach: direct}]`

// prepareOwn makes a world with an engine of its own, which the worker starts.
// On PostgreSQL it is a server with a database of its own.
func prepareOwn(t *testing.T, o harness.Options) *world {
	t.Helper()
	o.Dir, o.Binaries, o.Engine = t.TempDir(), binaries, ""
	w := &world{t: t}
	if database != nil {
		ctx, cancel := w.patience()
		defer cancel()
		var err error
		if w.own, err = harness.StartEngineOn(ctx, database, "own_"+strings.ToLower(rand.Text()[:10]), o.Dir); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.own.Stop)
		o.Engine, o.Second = w.own.Address(), w.own.Address()
	}
	h, err := harness.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.World = h
	t.Cleanup(func() {
		if w.client != nil {
			w.client.Close()
		}
		w.Close()
		if t.Failed() {
			w.logs()
		}
	})
	return w
}

// killAll ends workers and engine as a power cut does.
func (w *world) killAll() {
	w.t.Helper()
	if w.own != nil {
		w.KillWorkers()
		w.own.Kill()
		return
	}
	r, err := engine.Recorded(filepath.Join(w.Data(), "engine"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Worker.Kill()
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		w.t.Fatal(err)
	}
	w.eventually("the engine to be gone", func() bool { return gone(r.PID) })
}

// gone tells that a process is no more; one that nobody waits for may stay as a zombie.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// replaceBy puts a certificate with this long to live onto the i-th nginx server.
func (w *world) replaceBy(i int, left time.Duration) targettest.NginxServer {
	w.t.Helper()
	s := site(w.t, w.Nginx.Servers[i].Name, left)
	w.replaceByHand(i, s)
	return s
}

// journal reads what happened to a certificate, by the CLI.
func (w *world) journal(name string, kinds ...string) []cert.Entry {
	w.t.Helper()
	out := w.cli(0, "history", name, "--output", "json", "--timeout", "60s")
	var all, some []cert.Entry
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		w.t.Fatalf("history: %v\n%s", err, out)
	}
	for _, e := range all {
		for _, k := range kinds {
			if e.Kind == k {
				some = append(some, e)
			}
		}
	}
	return some
}

// written waits until what happened to a certificate is in its journal.
func (w *world) written(name string) {
	w.t.Helper()
	w.until(name, "its journal to be written", func(s workflows.Status) bool { return s.Unread == 0 })
}

// settled waits until an alert was delivered and nothing about the certificate is under way.
func (w *world) settled(name string, reason alert.Reason, what string, cond func(lifecycle.Alert) bool) lifecycle.Alert {
	w.t.Helper()
	var found lifecycle.Alert
	w.until(name, what, func(s workflows.Status) bool {
		a := open(s, string(reason))
		if a == nil || len(s.State.Flights) > 0 || s.Unread > 0 || !cond(*a) {
			return false
		}
		found = *a
		return true
	})
	return found
}

// teamNotices counts what reached the team, by whatever channel.
func (w *world) teamNotices() int {
	return len(w.slackTo(harness.TeamSlack)) + len(w.mailsTo("platform@example.com", ""))
}

func (w *world) onlyTo(id string, n int) {
	w.t.Helper()
	if got := w.slackTo(id); len(got) != n {
		w.t.Errorf("%d messages to %s, want %d", len(got), id, n)
		for _, m := range got {
			w.t.Logf("%s: %s", m.Metadata, m.Text)
		}
	}
}

func TestAPowerCutBetweenTwoStepsOfAnEscalationLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"back before the step is due": false, "back when it is past": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			powerCut(t, late)
		})
	}
}

func powerCut(t *testing.T, late bool) {
	w := prepareOwn(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.start()
	w.watch("shop", 0, "--policy", "steps")
	a := w.settled("shop", alert.Expiring, "the owner to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) == 1 })
	due := a.NextAt
	w.killAll()
	if n := w.teamNotices(); n != 0 {
		t.Fatalf("the team was told %d times before its step was due at %s", n, due)
	}
	if late {
		w.eventually("the step to be past", func() bool { return time.Now().After(due.Add(2 * time.Second)) })
	}
	w.start()
	back := time.Now()

	w.settled("shop", alert.Expiring, "the team to be told", func(a lifecycle.Alert) bool { return a.Told == 2 && len(a.Receipts) == 2 })
	told := w.journal("shop", "told")
	if len(told) != 2 {
		t.Fatalf("%d notices were decided, want 2: %+v", len(told), told)
	}
	latest := due
	if back.After(due) {
		latest = back
	}
	if at := told[1].At; at.Before(due) || at.After(latest.Add(30*time.Second)) {
		t.Errorf("the team was told at %s; it was due at %s and the worker was back at %s", at, due, back)
	}
	w.onlyTo(harness.OwnerSlack, 1)
	if n := w.teamNotices(); n != 1 {
		t.Errorf("the team was told %d times, want once", n)
	}
	w.eachNoticeOnce(2)
}

func TestAMessageThatSlackTookWhileTheWorkerDiedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", 24*time.Hour))})
	w.watch("shop", 0, "--policy", "steps")
	w.until("shop", "the first look", func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" && len(s.State.Flights) == 0 })
	killed := make(chan struct{})
	var once sync.Once
	w.Slack.OnPost(func(notifytest.SlackMessage) {
		once.Do(func() {
			w.KillWorkers()
			close(killed)
		})
	})
	w.replaceBy(0, time.Hour)
	w.cli(0, "check", "shop", "--wait=false")
	select {
	case <-killed:
	case <-time.After(time.Minute):
		t.Fatal("nothing was posted")
	}
	w.onlyTo(harness.OwnerSlack, 1)
	w.start()

	a := w.settled("shop", alert.Expiring, "the alert to be delivered", func(a lifecycle.Alert) bool { return len(a.Receipts) > 0 })
	if a.Receipts[0].Kind != "slack" || a.Receipts[0].ID != w.slackTo(harness.OwnerSlack)[0].TS {
		t.Errorf("the receipt is not of the message that Slack has: %+v", a.Receipts[0])
	}
	if w.Slack.Calls("conversations.history") == 0 {
		t.Error("nobody looked whether the message was there already")
	}
	w.onlyTo(harness.OwnerSlack, 1)
	w.eachNoticeOnce(1)
}

func TestALostReplySendsSlackOnceAndMailWithOneMessageID(t *testing.T) {
	t.Parallel()
	const wide = `
  - name: wide
    thresholds: [{left: 2h, severity: P3}]
    inform: 0
    last_safe: 10s
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: wide}]`
	w := enter(t, harness.Options{Policies: wide, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.Slack.SetMode(notifytest.SlackReplyLost)
	w.Mail.SetMode(notifytest.MailReplyLost)
	w.watch("shop", 0, "--policy", "wide")
	w.eventually("the first mail to be taken", func() bool { return len(w.Mail.Mails()) > 0 })
	w.Mail.SetMode(notifytest.MailWorks)

	a := w.settled("shop", alert.Expiring, "both channels to deliver", func(a lifecycle.Alert) bool { return len(a.Receipts) == 2 })
	if len(a.Failed) > 0 {
		t.Errorf("not delivered: %v", a.Failed)
	}
	w.onlyTo(harness.OwnerSlack, 1)
	mails := w.mailsTo("minji@example.com", "")
	for _, m := range mails {
		if m.MessageID == "" || m.MessageID != mails[0].MessageID {
			t.Errorf("Message-ID %s after %s: a reader sees two mails", m.MessageID, mails[0].MessageID)
		}
	}
	if a.Told != 1 {
		t.Errorf("%d notices were decided, want 1", a.Told)
	}
	t.Logf("mail was sent %d times, Slack was asked %d times", len(mails), w.Slack.Calls("chat.postMessage"))
}

func TestOfTheThresholdsPassedInAnOutageOnlyTheMostUrgentFires(t *testing.T) {
	t.Parallel()
	const four = `
  - name: four
    thresholds: [{left: 80s, severity: P4}, {left: 70s, severity: P3}, {left: 60s, severity: P2}, {left: 50s, severity: P1}]
    inform: 0
    last_safe: 10s
    observe_every: 1h
    unseen_after: 12h
    escalations:
      - {name: P4, steps: [{notify: [owner], reach: direct}]}
      - {name: P3, steps: [{notify: [owner], reach: direct}]}
      - {name: P2, steps: [{notify: [owner], reach: direct}]}
      - {name: P1, steps: [{notify: [owner], reach: direct}]}`
	w := enter(t, harness.Options{Policies: four, Nginx: sites(site(t, "www.shop.test", 24*time.Hour))})
	s := w.replaceBy(0, 110*time.Second)
	w.watch("shop", 0, "--policy", "four")
	live := w.until("shop", "the first look", func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" }).State.Live
	w.KillWorkers()
	before := len(w.slackTo(harness.OwnerSlack))
	if live.Fingerprint != targettest.FingerprintOf(s.Initial) || time.Until(live.NotAfter) < 71*time.Second {
		t.Fatalf("the machine is too slow for this test: the worker was killed only %s before the end", time.Until(live.NotAfter))
	}
	w.eventually("the last threshold to pass", func() bool { return time.Until(live.NotAfter) < 49*time.Second })
	w.onlyTo(harness.OwnerSlack, before)
	w.start()

	a := w.settled("shop", alert.Expiring, "the most urgent threshold to fire", func(a lifecycle.Alert) bool { return len(a.Receipts) > 0 })
	if a.Severity != alert.P1 || a.Told != before+1 {
		t.Errorf("told %d times, at last as %s; want %d and P1", a.Told, a.Severity, before+1)
	}
	w.onlyTo(harness.OwnerSlack, before+1)
	if got := w.slackTo(harness.OwnerSlack); !strings.Contains(got[len(got)-1].Reading(), "P1") {
		t.Errorf("the notice does not say how urgent it is:\n%s", got[len(got)-1].Reading())
	}
	w.eachNoticeOnce(1)
}
