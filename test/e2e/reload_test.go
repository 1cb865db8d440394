package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const danaSlack = "U0000DANA"

// A worker goes on while its configuration is edited: people and policies that
// are new count, a file that is wrong does not.
func TestAConfigurationIsEditedUnderARunningWorkerAndAWrongOneIsRefused(t *testing.T) {
	t.Parallel()
	calm := "\n  - name: calm\n    thresholds: [{left: 1d, severity: P3}]\n    observe_every: 1h"
	w := enter(t, harness.Options{Policies: calm, Nginx: sites(lived(t, "www.shop.test", 60*aDay))})
	w.Slack.AddUser(danaSlack)
	w.manage("shop", 0, "--policy", "calm")
	w.until("shop", "the first look, with nothing to tell", func(s workflows.Status) bool { return !s.State.Sight.At.IsZero() && len(s.State.Flights) == 0 })
	first := w.Worker.PID()

	today, later := time.Now().UTC().AddDate(0, 0, -1).Format("2006-01-02"), time.Now().UTC().AddDate(0, 0, 3).Format("2006-01-02")
	w.edit(
		"Neverlapse <neverlapse@example.com>", "Certificates <certificates@example.com>",
		"catch_all: platform\n", "catch_all: platform\nenvironments: [{name: production, policy: calm}]\n",
		"people:\n", "people:\n  - {id: dana, name: Dana Oh, email: dana@example.com, slack: "+danaSlack+"}\n",
		"[{left: 1d, severity: P3}]", "[{left: 80d, severity: P3}]\n    inform: 0\n    renew_left: 70d\n    freezes: [{name: stocktaking, from: "+today+", until: "+later+", timezone: UTC}]")
	w.until("shop", "the policy that is new", func(s workflows.Status) bool { return len(s.State.Spec.Policy.Freezes) > 0 })
	s := w.until("shop", "somebody to be told by it", func(s workflows.Status) bool {
		a := open(s, "expiring")
		return a != nil && len(a.Receipts) > 0
	})
	if got := w.slackTo(harness.OwnerSlack); len(got) == 0 || len(s.State.Renewal.Attempts) > 0 {
		t.Errorf("%d messages to the owner, %d attempts in a freeze", len(got), len(s.State.Renewal.Attempts))
	}
	says(t, w.cli(0, "explain", "shop"), "stocktaking")
	says(t, w.cli(4, "enroll", w.Nginx.Addresses[0]+"#www.shop.test", "--cert-name", "mirror", "--owner", "minji", "--environment", "prodution"), `did you mean "production"?`)
	w.cli(0, "reassign", "shop", "--to", "dana")
	w.eventually("whoever is new to be told", func() bool { return len(w.pages(danaSlack, alert.Expiring)) > 0 })

	good := w.edit("manager: hana", "manager: nobody", "observe_every: 1h", "observe_every: 0s\n    max_attempts: 99", "id: dana, name: Dana Oh, ", "id: dina, ")
	wrong := []string{"teams[0].manager: nobody has the id", "policies[0].max_attempts: 99 is not between 1 and 50"}
	w.eventually("the team to be told of the file", func() bool { return w.aboutFile() != "" })
	says(t, w.aboutFile(), wrong...)
	w.eventually("a mail about it from the channel as it is now", func() bool {
		return slices.ContainsFunc(w.Mail.Mails(), func(m notifytest.Mail) bool {
			return strings.Contains(m.Text, wrong[1]) && strings.Contains(m.Header.Get("From"), "certificates@example.com")
		})
	})
	_, body := w.request("GET", w.url("/readyz"), nil)
	says(t, body, append(wrong[1:], `"ready":true`, "what was in force stays in force")...)
	says(t, w.cli(2, "list"), wrong...)
	check, code := w.run(w.Binaries.Worker, "--config", w.Config, "--check")
	if says(t, check, wrong...); code != 2 {
		t.Errorf("--check of a wrong file: exit code %d", code)
	}
	was := len(w.slackTo(danaSlack))
	w.acknowledgedBySlack(danaSlack) // the directory of before counts
	s = w.until("shop", "the answer", func(s workflows.Status) bool { return open(s, "expiring").Status == lifecycle.Acknowledged })
	if got := open(s, "expiring").Answer.By; got != "dana" || len(w.slackTo(danaSlack)) < was || s.State.Spec.Policy.MaxAttempts == 99 {
		t.Errorf("%s answered; the policy is %+v", got, s.State.Spec.Policy)
	}

	writeFile(t, w.Config, good)
	w.eventually("the news that the file is good again", func() bool {
		_, body := w.request("GET", w.url("/readyz"), nil)
		return !strings.Contains(body, "stays in force") && strings.Contains(w.aboutFile(), "read a good one")
	})
	says(t, w.cli(4, "renew", "shop"), "stocktaking")
	w.cli(0, "renew", "shop", "--override-freeze", "--note", "the old key is known", "--wait")
	if got := w.Worker.PID(); got != first {
		t.Errorf("the worker was started anew: process %d, before %d", got, first)
	}
}

// aboutFile is what the team reads in Slack about the file of the configuration.
func (w *world) aboutFile() string {
	for _, m := range w.slackTo(harness.TeamSlack) {
		if text := m.Reading(); strings.Contains(text, "configuration") {
			return text
		}
	}
	return ""
}

// edit changes the file of the configuration as people do, by pairs of old and
// new text, and gives what it was.
func (w *world) edit(pairs ...string) (before []byte) {
	w.t.Helper()
	before, err := os.ReadFile(w.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(before)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			w.t.Fatalf("the configuration has no %q:\n%s", pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	writeFile(w.t, w.Config+".next", []byte(text))
	if err := os.Rename(w.Config+".next", w.Config); err != nil {
		w.t.Fatal(err)
	}
	return before
}

// acknowledgedBySlack has somebody press the button of their latest message.
func (w *world) acknowledgedBySlack(user string) {
	w.t.Helper()
	all := w.slackTo(user)
	if got := w.click(all[len(all)-1], alert.ActAcknowledge, user); got != 200 {
		w.t.Fatalf("the click was answered by %d", got)
	}
}
