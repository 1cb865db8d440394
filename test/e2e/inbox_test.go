package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// crossing tells the owner by two channels when 80 days are left, and the
// manager much later.
const crossing = `
  - name: default
    thresholds: [{left: 80d, severity: P2}]
    inform: 0
    observe_every: 1h
    unseen_after: 12h
    escalations:
      - name: P2
        steps: [{notify: [owner], reach: wide}, {after: 1h, notify: [manager], reach: direct}]`

// dedupOf is the key by which Slack is asked whether it has a message.
func dedupOf(m notifytest.SlackMessage) string {
	var key struct {
		Payload struct {
			Key string `json:"dedup_key"`
		} `json:"event_payload"`
	}
	_ = json.Unmarshal(m.Metadata, &key)
	return key.Payload.Key
}

// Forty certificates of two owners cross a threshold at the same time. The worker
// dies before the first message leaves, and again in the instant in which Slack
// has taken one.
func TestAStormIsAFewMessagesAlsoWhenTheWorkerDiesInIt(t *testing.T) {
	t.Parallel()
	proxy, err := harness.NewProxy(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	all := make([]resident, 40)
	for i := range all {
		all[i] = resident{owner: []string{"minji", "jun"}[i%2], left: 80*aDay + 90*time.Second}
	}
	file := write(t, all, nil, 1)
	w := prepare(t, harness.Options{NoNginx: true, Engine: proxy.Address, Upstream: server.Address(), Policies: crossing, Gather: "p1: 5s, p2: 10s, p3: 10s, p4: 10s, every: 20s, few: 3"})
	deaths := make(chan harness.Moment, 2)
	var before, after sync.Once
	proxy.OnActivity(func(m harness.Moment, name string) (err error) {
		if name != "Deliver" {
			return nil
		}
		once := &after
		if m == harness.Before {
			once = &before
		}
		once.Do(func() {
			w.Worker.Kill()
			deaths <- m
			err = harness.ErrDropped
		})
		return err
	})
	text, err := os.ReadFile(w.Config)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(w.HTTP, ":")
	if err := os.WriteFile(w.Config, []byte(strings.Replace(string(text), "http: {listen:", "http: {url: \"http://localhost:"+port+"\", listen:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.results(0, "--file", file)
	for range 2 {
		select {
		case <-deaths:
			w.start()
		case <-time.After(5 * time.Minute):
			t.Fatal("no message was sent")
		}
	}
	told := func(name string) bool {
		s := w.until(name, "to hear that it was told", func(s workflows.Status) bool {
			a := open(s, "expiring")
			return a != nil && a.Gathering == nil && len(a.Receipts) == 2
		})
		return open(s, "expiring").Receipts[0].Digest != ""
	}
	among := 0
	for i := range all {
		if told(fmt.Sprintf("h%04d.test", i+1)) {
			among++
		}
	}
	if among < 30 {
		t.Errorf("only %d of 40 were told among others", among)
	}
	slack, mails := map[string]int{}, map[string]int{}
	keys := map[string]int{}
	for _, m := range w.Slack.Messages() {
		slack[m.Channel]++
		keys[dedupOf(m)]++
	}
	for _, m := range w.Mail.Mails() {
		mails[strings.Join(m.To, ",")]++
	}
	if len(slack) != 2 || len(mails) != 2 {
		t.Errorf("told by Slack: %v, by mail: %v", slack, mails)
	}
	for to, n := range slack {
		if n > 4 {
			t.Errorf("%d messages to %s", n, to)
		}
	}
	for to, n := range mails {
		if n > 5 { // mail may come twice where the worker dies
			t.Errorf("%d mails to %s", n, to)
		}
	}
	for key, n := range keys {
		if n > 1 {
			t.Errorf("%s was sent %d times", key, n)
		}
	}
	w.digestFollows("h0001.test")
	w.allAtOnce()
}

// allAtOnce answers every message about many: those of minji by their button in
// Slack, those of jun by the link in a mail.
func (w *world) allAtOnce() {
	w.t.Helper()
	told := ""
	for _, m := range w.Slack.Messages() {
		if strings.HasPrefix(dedupOf(m), "inbox:minji/") && slices.Contains(m.Buttons(), "acknowledge-all") {
			if got := w.clickAt(w.SlackURL(), m, alert.ActAckAll, harness.OwnerSlack); got != http.StatusOK {
				w.t.Fatalf("the click was answered by %d", got)
			}
			told += w.word().Text + "\n"
		}
	}
	for _, m := range w.mailsTo("jun@example.com", "") {
		links := answerLinks.FindAllString(m.Text, -1)
		if len(links) != 1 { // of one certificate there are more
			continue
		}
		if status, text := w.request(http.MethodGet, links[0], nil); status != http.StatusOK && status != http.StatusGone {
			w.t.Fatalf("%d\n%s", status, text)
		}
		if status, text := w.request(http.MethodPost, links[0], url.Values{"note": {"all mine"}}); status != http.StatusOK && status != http.StatusGone {
			w.t.Fatalf("%d\n%s", status, text)
		}
	}
	for i := range 40 {
		name, who := fmt.Sprintf("h%04d.test", i+1), []string{"minji", "jun"}[i%2]
		a := open(w.until(name, "somebody to have it", func(s workflows.Status) bool {
			a := open(s, "expiring")
			return a != nil && (a.Answer != nil || a.Receipts[0].Digest == "")
		}), "expiring")
		if a.Receipts[0].Digest != "" && (a.Answer.By != who || i > 0 && a.Answer.Via != map[string]string{"minji": "slack", "jun": "email link"}[who]) {
			w.t.Errorf("%s: %+v", name, a.Answer)
		}
	}
	if !strings.Contains(told, "Acknowledged") {
		w.t.Errorf("minji is told %q", told)
	}
}

// digestFollows answers for one certificate, and sees it in the message that told it.
func (w *world) digestFollows(name string) {
	w.t.Helper()
	w.cli(0, "ack", name, "--as", "minji", "--note", "mine")
	w.eventually("the message to show who has it", func() bool {
		for _, m := range w.Slack.Messages() {
			if strings.HasPrefix(dedupOf(m), "inbox:minji/") && strings.Contains(m.Reading(), "acknowledged by minji") {
				return true
			}
		}
		return false
	})
}
