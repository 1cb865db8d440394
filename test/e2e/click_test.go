package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// front starts a second worker process of the same configuration that answers
// Slack but polls another task queue, so that it does nothing for certificates.
// It gives the process and the address that clicks go to.
func (w *world) front() (*harness.Process, string) {
	w.t.Helper()
	text, err := os.ReadFile(w.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	address, err1 := harness.FreeAddress()
	challenges, err2 := harness.FreeAddress()
	if err := errors.Join(err1, err2); err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "temporal: {"):
			line = "temporal: {task_queue: front, " + strings.TrimPrefix(line, "temporal: {")
		case strings.HasPrefix(line, "http:"):
			line = fmt.Sprintf("http: {listen: %q}\n", address)
		case strings.HasPrefix(line, "acme_http:"):
			line = fmt.Sprintf("acme_http: {listen: %q}\n", challenges)
		}
		lines = append(lines, line)
	}
	config := filepath.Join(w.Dir, "front.yaml")
	writeFile(w.t, config, []byte(strings.Join(lines, "")))
	p := &harness.Process{Args: []string{w.Binaries.Worker, "--config", config}, Env: w.Worker.Env, Log: filepath.Join(w.Dir, "front.log")}
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		p.Stop()
		if w.t.Failed() {
			w.t.Logf("log of the front:\n%s", tail(p.Output(), 4000))
		}
	})
	w.eventually("the front to be ready", func() bool {
		ok, _ := harness.Ready(w.t.Context(), "http://"+address+"/readyz")
		return ok
	})
	return p, "http://" + address + "/slack/interactions"
}

// clickAt presses a button of a message, as Slack reports it to an address.
func (w *world) clickAt(url string, m notifytest.SlackMessage, action alert.Action, user string, o ...notifytest.ClickOption) int {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	resp, err := w.Slack.Click(ctx, url, m, action, user, o...)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (w *world) word() notifytest.SlackAnswer {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	a, err := w.Slack.NextAnswer(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// fired watches a certificate that ends within the hour and waits until its
// owner was told; it gives the alert and its message.
func fired(t *testing.T, w *world) (lifecycle.Alert, notifytest.SlackMessage) {
	t.Helper()
	w.watch("shop", 0, "--policy", "steps")
	a := w.settled("shop", alert.Expiring, "the owner to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) == 1 })
	return a, w.slackTo(harness.OwnerSlack)[0]
}

func TestAClickWhileNobodyPollsIsCountedWhenAWorkerIsBack(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	_, front := w.front()
	a, message := fired(t, w)
	due := a.NextAt
	w.Worker.Kill()
	if got := w.clickAt(front, message, alert.ActAcknowledge, harness.OwnerSlack); got != http.StatusOK {
		t.Fatalf("the click was answered by %d", got)
	}
	if time.Now().After(due) {
		t.Fatal("the machine is too slow for this test: the next step was due before the click")
	}
	if word := w.word(); word.User != harness.OwnerSlack || word.Type != "ephemeral" || word.Text == "" {
		t.Errorf("the person was told %+v", word)
	}
	w.start()

	s := w.until("shop", "the acknowledgement", func(s workflows.Status) bool {
		a := open(s, "expiring")
		return a != nil && a.Status == lifecycle.Acknowledged && len(s.State.Flights) == 0
	})
	if a := open(s, "expiring"); a.Answer.By != "minji" || a.Answer.Via != "slack" {
		t.Errorf("acknowledged by %+v", a.Answer)
	}
	w.eventually("the next step to be past", func() bool { return time.Now().After(due.Add(3 * time.Second)) })
	a = w.settled("shop", alert.Expiring, "quiet", func(lifecycle.Alert) bool { return true })
	if a.Told != 1 || w.teamNotices() != 0 {
		t.Errorf("told %d times, the team %d times, although somebody has it", a.Told, w.teamNotices())
	}
	if got := w.journal("shop", "acknowledged"); len(got) != 1 || got[0].By != "minji" || got[0].Via != "slack" {
		t.Errorf("the journal tells %+v, want one acknowledgement", got)
	}
}

func TestOneClickDeliveredThreeTimesCountsOnce(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	_, message := fired(t, w)
	at := fmt.Sprintf("%d.000100", time.Now().Unix())
	for n := range 3 {
		if got := w.clickAt(w.SlackURL(), message, alert.ActAcknowledge, harness.OwnerSlack, notifytest.WithActionTS(at), notifytest.Redelivered(n)); got != http.StatusOK {
			t.Errorf("delivery %d was answered by %d", n+1, got)
		}
	}
	a := w.settled("shop", alert.Expiring, "the acknowledgement", func(a lifecycle.Alert) bool { return a.Status == lifecycle.Acknowledged })
	if got := w.journal("shop", "acknowledged", "refused"); len(got) != 1 {
		t.Errorf("the journal tells %+v, want one acknowledgement", got)
	}
	if got := w.slackTo(harness.OwnerSlack); len(got) != 1 || got[0].Updates != 1 {
		t.Errorf("%d messages, the first changed %d times; want one, changed once", len(got), got[0].Updates)
	}
	if got := w.Slack.Answers(); len(got) != 0 {
		t.Errorf("the person was also told %+v", got)
	}
	if a.Told != 1 {
		t.Errorf("told %d times", a.Told)
	}
}

func TestWhenTwoPeopleClickTheFirstHasItAndTheOtherIsToldWho(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	_, message := fired(t, w)
	var both sync.WaitGroup
	for _, user := range []string{harness.OwnerSlack, harness.ManagerSlack} {
		both.Go(func() {
			resp, err := w.Slack.Click(t.Context(), w.SlackURL(), message, alert.ActAcknowledge, user)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("the click of %s was answered by %d", user, resp.StatusCode)
			}
		})
	}
	both.Wait()
	a := w.settled("shop", alert.Expiring, "the acknowledgement", func(a lifecycle.Alert) bool {
		return a.Status == lifecycle.Acknowledged && a.Edit == ""
	})
	by := map[string]int{}
	for _, e := range w.journal("shop", "acknowledged") {
		by[e.By+" by "+e.Via]++
	}
	if by[a.Answer.By+" by slack"] != 1 || len(by) != 1 {
		t.Errorf("on record: %v, want %s alone, once", by, a.Answer.By)
	}
	other := map[string]string{"minji": harness.ManagerSlack, "hana": harness.OwnerSlack}[a.Answer.By]
	if said := w.word(); said.User != other || !strings.Contains(said.Text, a.Answer.By+" was first") {
		t.Errorf("the second was told %+v", said)
	}
	name := map[string]string{"minji": "minji", "hana": "hana"}[a.Answer.By]
	shown := strings.ToLower(w.slackTo(harness.OwnerSlack)[0].Reading())
	if name == "" || !strings.Contains(shown, name) {
		t.Errorf("%s has it, the message shows\n%s", a.Answer.By, shown)
	}
	if a.Told != 1 {
		t.Errorf("told %d times", a.Told)
	}
}

func TestAClickWhileTemporalIsOutOfReachIsShownAsFailedBySlack(t *testing.T) {
	t.Parallel()
	proxy, err := harness.NewProxy(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	w := enter(t, harness.Options{Engine: proxy.Address, Upstream: server.Address(), Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	_, message := fired(t, w)
	proxy.Close()
	for _, action := range []alert.Action{alert.ActAcknowledge, alert.ActCheck} {
		begun := time.Now()
		got := w.clickAt(w.SlackURL(), message, action, harness.OwnerSlack)
		if got != http.StatusInternalServerError {
			t.Errorf("%s was answered by %d, want 500", action, got)
		}
		t.Logf("%s was answered after %s; Slack waits for three seconds", action, time.Since(begun).Round(10*time.Millisecond))
	}
	if got := w.Slack.Answers(); len(got) != 0 {
		t.Errorf("the person was told %+v, although nothing was taken", got)
	}
}
