package e2e

import (
	"net/http"
	"os/exec"
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

// press presses a button whose click Slack delivers by Socket Mode.
func (w *world) press(m notifytest.SlackMessage, action alert.Action, user string, o ...notifytest.ClickOption) notifytest.Pressed {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	p, err := w.Slack.Press(ctx, m, action, user, o...)
	if err != nil {
		w.t.Error(err)
	}
	return p
}

// connected waits for so many connections of the app.
func (w *world) connected(n int) {
	w.t.Helper()
	w.eventually("Slack to be connected", func() bool { return w.Slack.Sockets() == n })
}

func acknowledgedAlert(a lifecycle.Alert) bool { return a.Status == lifecycle.Acknowledged }

func TestAClickBySocketModeStopsTheEscalation(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{SocketMode: true, Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.connected(1)
	a, message := fired(t, w)
	due := a.NextAt
	if got := w.press(message, alert.ActAcknowledge, harness.OwnerSlack); !got.Acknowledged || got.Deliveries != 1 {
		t.Fatalf("Slack saw %+v", got)
	}
	if time.Now().After(due) {
		t.Fatal("the machine is too slow for this test: the next step was due before the click")
	}
	w.settled("shop", alert.Expiring, "the acknowledgement", acknowledgedAlert)
	w.eventually("the next step to be past", func() bool { return time.Now().After(due.Add(3 * time.Second)) })
	a = w.settled("shop", alert.Expiring, "quiet", func(lifecycle.Alert) bool { return true })
	if a.Told != 1 || w.teamNotices() != 0 || a.Answer.By != "minji" || a.Answer.Via != "slack" {
		t.Errorf("told %d times, the team %d times; answer %+v", a.Told, w.teamNotices(), a.Answer)
	}
	if w.Slack.Calls("apps.connections.open") == 0 {
		t.Error("the click did not come by Socket Mode")
	}
	resp, err := w.Slack.Click(t.Context(), w.SlackURL(), message, alert.ActAcknowledge, harness.OwnerSlack)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		t.Error("a click by HTTP was taken, although there is no signing secret")
	}
	w.Worker.Stop()
	w.connected(0)
}

// slackOf are the Slack users of the harness's people.
var slackOf = map[string]string{"minji": harness.OwnerSlack, "hana": harness.ManagerSlack, "jun": harness.OnCallSlack}

func TestConnectionsThatSlackReplacesOrCutsLoseNoClick(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{SocketMode: true, Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.connected(1)
	_, message := fired(t, w)
	users := []string{harness.OwnerSlack, harness.ManagerSlack, harness.OnCallSlack}
	trouble := []func(){w.Slack.Warn, w.Slack.Refresh, w.Slack.CutSockets}
	var all sync.WaitGroup
	for i, user := range users {
		all.Go(func() {
			if got := w.press(message, alert.ActAcknowledge, user); !got.Acknowledged {
				t.Errorf("the click of %s failed: %+v", user, got)
			}
		})
		trouble[i]()
	}
	all.Wait()
	a := w.settled("shop", alert.Expiring, "the acknowledgement", acknowledgedAlert)
	if got := w.journal("shop", "acknowledged"); len(got) != 1 || got[0].By != a.Answer.By {
		t.Errorf("on record: %+v, want %s alone, once", got, a.Answer.By)
	}
	told := map[string]bool{}
	for range 2 { // each click was taken or answered
		said := w.word()
		told[said.User] = strings.Contains(said.Text, a.Answer.By+" was first")
	}
	for _, user := range users {
		if first := user == slackOf[a.Answer.By]; told[user] == first {
			t.Errorf("%s has it; %s was told of it: %t", a.Answer.By, user, told[user])
		}
	}
	if n := w.Slack.SocketsOpened(); n < 2 {
		t.Errorf("%d connections were opened; nothing was replaced", n)
	}
}

func TestAClickWhoseWorkerIsKilledBeforeItAcknowledgesCountsOnce(t *testing.T) {
	t.Parallel()
	proxy, err := harness.NewProxy(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	w := enter(t, harness.Options{Engine: proxy.Address, Upstream: server.Address(), SocketMode: true, Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.connected(1)
	_, message := fired(t, w)
	killed := make(chan struct{})
	proxy.OnAnswer(sync.OnceFunc(func() { // the workflow has it, the worker does not know
		w.Worker.Kill()
		close(killed)
	}))
	result := make(chan notifytest.Pressed, 1)
	go func() { result <- w.press(message, alert.ActAcknowledge, harness.OwnerSlack) }()
	<-killed
	w.start()
	if got := <-result; !got.Acknowledged || got.Deliveries < 2 {
		t.Errorf("Slack saw %+v, want a second delivery that is acknowledged", got)
	}
	a := w.settled("shop", alert.Expiring, "the acknowledgement", acknowledgedAlert)
	if got := w.journal("shop", "acknowledged", "refused"); len(got) != 1 || got[0].By != "minji" {
		t.Errorf("the journal tells %+v, want one acknowledgement", got)
	}
	if a.Told != 1 {
		t.Errorf("told %d times", a.Told)
	}
}

func TestAClickWhoseWorkerIsKilledBeforeItAcknowledgesIsGivenToAnother(t *testing.T) {
	t.Parallel()
	proxy, err := harness.NewProxy(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	w := enter(t, harness.Options{Engine: proxy.Address, Upstream: server.Address(), SocketMode: true, Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.connected(1)
	front, _ := w.front()
	w.connected(2)
	_, message := fired(t, w)
	proxy.OnAnswer(sync.OnceFunc(front.Kill)) // the stand-in gives the first click to the second connection
	if got := w.press(message, alert.ActAcknowledge, harness.OwnerSlack); !got.Acknowledged || got.Deliveries != 2 {
		t.Errorf("Slack saw %+v, want a second delivery that is acknowledged", got)
	}
	w.settled("shop", alert.Expiring, "the acknowledgement", acknowledgedAlert)
	if got := w.journal("shop", "acknowledged", "refused"); len(got) != 1 || got[0].By != "minji" {
		t.Errorf("the journal tells %+v, want one acknowledgement", got)
	}
	if front.Running() {
		t.Error("the click did not reach the worker that was to be killed")
	}
}

// pressesChecks presses the button of every check as it is posted.
func (w *world) pressesChecks(press func(notifytest.SlackMessage)) {
	w.Slack.OnPost(func(m notifytest.SlackMessage) {
		if b := m.Buttons(); len(b) == 1 && b[0] == alert.ProbeAction {
			go press(m)
		}
	})
}

func TestACheckOfSlackLeavesTheClickToAConnectedWorker(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{SocketMode: true, NoNginx: true, Language: "ko"})
	w.connected(1)
	w.pressesChecks(func(m notifytest.SlackMessage) { w.press(m, alert.ProbeAction, harness.OwnerSlack) })
	says(t, w.cli(0, "slack", "check", "--to", "minji"), "the app has 2 connections", "pressed by Slack user "+harness.OwnerSlack, "minji of the directory")
	w.connected(1)
	w.Worker.Stop()
	w.connected(0)
	says(t, w.cli(0, "slack", "check", "--to", "minji"), "nobody else is", "minji of the directory")
}

func TestACheckOfSlackByHTTPShowsThatTheWorkerHears(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{NoNginx: true})
	w.pressesChecks(func(m notifytest.SlackMessage) { w.clickAt(w.SlackURL(), m, alert.ProbeAction, "U000STRANGER") })
	says(t, w.cli(3, "slack", "check"), "by HTTP", "pressed by Slack user U000STRANGER", "write slack: U000STRANGER at that person")
	w.Slack.OnPost(nil)
	says(t, w.cli(5, "slack", "check", "--timeout", "3s"), "nobody pressed the button in time", "the Request URL under Interactivity & Shortcuts has to lead to /slack/interactions")
}

func TestBehindAProxyWithPrivateRootsTheCAAndSlackAreReachedThroughIt(t *testing.T) {
	t.Parallel()
	forward, err := harness.NewForward()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(forward.Close)
	w := enter(t, harness.Options{Behind: forward, SocketMode: true, Policies: thresholdsPolicy, Nginx: sites(site(t, "www.shop.test", 150*time.Second))})
	w.connected(1)
	before := w.served(0)
	w.manage("shop", 0, "--policy", "fast")
	w.cli(0, "pause", "shop", "--until", "80s", "--reason", "change freeze")
	w.eventually("the owner to be told", func() bool { return len(w.slackTo(harness.OwnerSlack)) > 0 })
	if got := w.press(w.slackTo(harness.OwnerSlack)[0], alert.ActAcknowledge, harness.OwnerSlack); !got.Acknowledged {
		t.Errorf("Slack saw %+v", got)
	}
	w.cli(0, "resume", "shop")
	w.until("shop", "the renewal to be proven", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before
	})
	if slack, ca := forward.Tunnels("slack.test"), forward.Tunnels("pebble"); slack < 2 || ca < 1 {
		t.Errorf("%d connections to Slack and %d to the CA went through the proxy; want two at least (the API, the WebSocket) and one", slack, ca)
	}
	w.pressesChecks(func(m notifytest.SlackMessage) { w.press(m, alert.ProbeAction, harness.OwnerSlack) })
	w.cli(0, "slack", "check", "--to", "minji")

	direct := exec.CommandContext(t.Context(), w.Binaries.CLI, "--config", w.Config, "slack", "check", "--to", "minji")
	direct.Env = append(w.Worker.Env, "NO_PROXY=slack.test")
	out, err := direct.CombinedOutput()
	if err == nil {
		t.Errorf("NO_PROXY does not count:\n%s", out)
	}
	says(t, string(out), "https://slack.test:", "cannot be reached")

	foreign := w.configured(", root_file: "+w.Dir+"/slack.pem", "")
	says(t, w.cli(1, "--config", foreign, "slack", "check", "--to", "minji"), "x509", "name its root in root_file")
}

func TestWithoutAWayForClicksTheWorkerSaysThatThereAreNoButtons(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{NoNginx: true})
	config := w.configured(", signing_secret_file: "+w.Dir+"/slack.secret", "")
	out, code := w.run(w.Binaries.Worker, "--config", config, "--check")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	says(t, out, `messages of channel "slack" carry no buttons`, "neither app_token_file (Socket Mode) nor signing_secret_file (HTTP)", "the configuration is good")
	says(t, w.cli(0, "--config", config, "slack", "check"), "click", "none: neither app_token_file nor signing_secret_file is set")
}
