package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/smtp"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// bothPolicy tells the owner by everything and then the team by mail alone.
const bothPolicy = `
  - name: both
    thresholds: [{left: 2h, severity: P2}]
    inform: 0
    last_safe: 10s
    observe_every: 1h
    unseen_after: 12h
    escalations:
      - name: P2
        steps: [{notify: [owner], reach: page}, {after: 20s, notify: [team], reach: page}]`

func (w *world) undelivered() delivery.List {
	w.t.Helper()
	var out delivery.List
	text := w.cli(0, "undelivered", "-o", "json", "--timeout", "60s")
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		w.t.Fatalf("undelivered: %v\n%s", err, text)
	}
	return out
}

func TestAMailboxThatIsGoneIsToldBySlackAndAvoidedUntilSomebodyMendsIt(t *testing.T) {
	t.Parallel()
	smtpAt, err := harness.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	w := prepare(t, harness.Options{
		Policies: bothPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour), site(t, "www.api.test", time.Hour)),
		Sections: fmt.Sprintf("bounces: {address: bounces@mail.example.com, listen: %q}", smtpAt),
	})
	w.Mail.SetMode(notifytest.MailRefuses)
	w.start()
	w.watch("shop", 0, "--policy", "both")
	w.settled("shop", alert.Expiring, "the owner to be told by Slack", func(a lifecycle.Alert) bool { return len(a.Receipts) > 0 && len(a.Failed) > 0 })
	w.eventually("the dead letter and the broken address", func() bool {
		got := w.undelivered()
		b, ok := delivery.BrokenIn(got.Broken, "email", "minji@example.com")
		return ok && b.Owner == "minji" && strings.Contains(b.Why, "5.1.1") && len(got.Letters) > 0 && strings.Contains(strings.Join(got.Letters[len(got.Letters)-1].Instead, " "), "minji by slack")
	})
	w.eventually("the team to hear of it by Slack", func() bool { return len(w.pages(harness.TeamSlack, alert.AddressBroken)) == 1 })
	all := w.doctor("--only", "channels")
	w.says(all, doctor.Warn, symptom{doctor.Letters, "", "messages reached nobody", "neverlapse undelivered"})
	w.says(all, doctor.Warn, symptom{doctor.Letters, "minji@example.com", "leads nowhere", "neverlapse address ok minji@example.com"})
	for _, of := range [][]string{{"list"}, {"status", "shop"}} {
		w.eventually(of[0]+" to tell of what did not arrive", func() bool {
			return strings.Contains(w.cli(0, of...), "did not arrive and nobody has seen that; see: neverlapse undelivered")
		})
	}
	w.cli(0, "undelivered", "--seen", "all", "--note", "told her")

	// A mail that is accepted, and comes back.
	w.Mail.SetMode(notifytest.MailWorks)
	w.cli(0, "address", "ok", "minji@example.com")
	w.watch("api", 1, "--policy", "both")
	w.eventually("the owner to be told by mail again", func() bool { return len(w.mailsTo("minji@example.com", "")) > 0 })
	mail := w.mailsTo("minji@example.com", "")[0]
	if !strings.HasPrefix(mail.From, "bounces+") || !strings.HasSuffix(mail.From, "@mail.example.com") {
		t.Fatalf("the mail comes back to %q", mail.From)
	}
	sample, err := os.ReadFile("../../internal/bounce/testdata/postfix.eml")
	if err != nil {
		t.Fatal(err)
	}
	if err := smtp.SendMail(smtpAt, nil, "", []string{"bounces@mail.example.com"}, sample); err == nil {
		t.Error("a bounce without a token is taken")
	}
	if err := smtp.SendMail(smtpAt, nil, "", []string{mail.From}, []byte(strings.ReplaceAll(string(sample), "\n", "\r\n"))); err != nil {
		t.Fatalf("the bounce is refused: %v", err)
	}
	w.eventually("the address to be broken again, for it came back", func() bool {
		b, ok := delivery.BrokenIn(w.undelivered().Broken, "email", "minji@example.com")
		return ok && b.Returned
	})
	w.eventually("the team to hear of it once more", func() bool { return len(w.pages(harness.TeamSlack, alert.AddressBroken)) == 2 })
}

func TestATokenThatIsRevokedIsToldByMailAndOverOnceSlackAcceptsAMessage(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Policies: bothPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour), site(t, "www.api.test", time.Hour))})
	w.Slack.SetMode(notifytest.SlackFails)
	w.start()
	w.watch("shop", 0, "--policy", "both")
	w.eventually("the team to be told by mail that Slack fails", func() bool { return len(w.mailsTo("platform@example.com", "undelivered")) == 1 })
	if text := w.cli(1, "channels"); !strings.Contains(text, "fails since") {
		t.Errorf("channels:\n%s", text)
	}
	w.says(w.doctor("--only", "channels"), doctor.Fail, symptom{doctor.Standing, "slack", "it fails for everybody", "neverlapse alert test --channel slack"})
	w.Slack.SetMode(notifytest.SlackWorks)
	w.watch("api", 1, "--policy", "both")
	w.eventually("the trouble to be over", func() bool {
		var all []struct {
			Name         string
			TroubleSince *time.Time
		}
		out, code := w.CLI(t.Context(), "channels", "-o", "json")
		return code == 0 && json.Unmarshal([]byte(out), &all) == nil && len(all) == 3
	})
	w.eventually("the mail to be followed by its end", func() bool {
		for _, m := range w.mailsTo("platform@example.com", "") {
			if strings.Contains(m.Subject, "works again") {
				return true
			}
		}
		return false
	})
}

func TestOneClickInSlackProvesThatSomebodyReadsIt(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: bothPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour)), Sections: "delivery: {proof_of_life: 20s, proof_within: 15s}"})
	w.eventually("whoever is on call to be asked", func() bool { return len(w.pages(harness.OnCallSlack, alert.ProofOfLife)) > 0 })
	asked := w.pages(harness.OnCallSlack, alert.ProofOfLife)
	if status := w.click(asked[len(asked)-1], alert.ActAcknowledge, harness.OnCallSlack); status != http.StatusOK {
		t.Fatalf("the click is answered %d", status)
	}
	w.eventually("the click to count", func() bool {
		var all []struct {
			Name string `json:"name"`
			By   string `json:"proofAnsweredBy"`
		}
		out, _ := w.CLI(t.Context(), "channels", "-o", "json")
		_ = json.Unmarshal([]byte(out), &all)
		return len(all) > 0 && all[0].Name == "slack" && all[0].By == "jun"
	})
}
