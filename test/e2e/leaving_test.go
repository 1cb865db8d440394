package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// upTheChain tells the owner when 80 days are left, and the team soon after.
const upTheChain = `
  - name: default
    thresholds: [{left: 80d, severity: P2}]
    inform: 0
    observe_every: 1h
    unseen_after: 12h
    escalations:
      - name: P2
        steps: [{notify: [owner], reach: direct}, {after: 75s, notify: [team], reach: direct}]`

// Somebody leaves while their certificates are in the middle of an escalation:
// the directory is written without them, and no alert is lost.
func TestAnOwnerWhoIsRemovedInTheMiddleOfAnEscalationLeavesNoAlertBehind(t *testing.T) {
	t.Parallel()
	all := make([]resident, 12)
	for i := range all {
		all[i] = resident{owner: "minji", left: 80*aDay - aDay}
	}
	file := write(t, all, nil, 1)
	w := prepare(t, harness.Options{NoNginx: true, Engine: server.Address(), Policies: upTheChain})
	w.start()
	w.results(0, "--file", file)
	names := make([]string, len(all))
	for i := range names {
		names[i] = fmt.Sprintf("h%04d.test", i+1)
		w.until(names[i], "the owner to be told, also in a summary", func(s workflows.Status) bool {
			a := open(s, "expiring")
			return a != nil && a.Told > 0
		})
	}
	w.removeFromDirectory("minji")
	for _, name := range names {
		w.reached(name, "platform") // the old chain goes on
	}
	w.eventually("somebody to be asked", func() bool {
		return strings.Contains(w.cli(0, "handover", "list"), "minji")
	})
	w.cli(0, "handover", "accept", "minji", "--as", "hana")
	for _, name := range names {
		s := w.reached(name, "hana")
		if s.State.Spec.Owner != "hana" || s.State.Spec.Team != "platform" {
			t.Errorf("%s belongs to %q and team %q", name, s.State.Spec.Owner, s.State.Spec.Team)
		}
		for who, slack := range map[string]string{"platform": harness.TeamSlack, "hana": harness.ManagerSlack} {
			if !w.hasRead(who, slack, name) {
				t.Errorf("neither Slack nor the mail server has a message to %s that names %s", who, name)
			}
		}
	}
}

// removeFromDirectory writes the configuration without somebody; the worker goes on.
func (w *world) removeFromDirectory(person string) {
	w.t.Helper()
	data, err := os.ReadFile(w.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		if !strings.Contains(line, "{id: "+person+",") {
			kept = append(kept, strings.Replace(line, "members: ["+person+", ", "members: [", 1))
		}
	}
	next := w.Config + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(kept, "")), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(next, w.Config); err != nil {
		w.t.Fatal(err)
	}
}

// reached waits until the open alert of a certificate has reached somebody.
func (w *world) reached(name, who string) workflows.Status {
	w.t.Helper()
	return w.until(name, who+" to be told of "+name, func(s workflows.Status) bool {
		a := open(s, "expiring")
		return a != nil && slices.ContainsFunc(a.Receipts, func(r alert.Receipt) bool { return r.To == who })
	})
}

// hasRead tells whether Slack or the mail server took a message to somebody that
// names a certificate.
func (w *world) hasRead(who, slack, name string) bool {
	for _, m := range w.Slack.Messages() {
		if m.Channel == slack && strings.Contains(m.Reading(), name) {
			return true
		}
	}
	for _, m := range w.Mail.Mails() {
		if slices.Contains(m.To, who+"@example.com") && strings.Contains(m.Text, name) {
			return true
		}
	}
	return false
}
