package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// pagePolicy tells the owner by everything, and the team when the owner is silent.
const pagePolicy = `
  - name: steps
    thresholds: [{left: 2h, severity: P2}]
    inform: 0
    last_safe: 10s
    observe_every: 1h
    unseen_after: 12h
    escalations:
      - name: P2
        steps: [{notify: [owner], reach: page}, {after: 30s, notify: [team], reach: page}]`

// paged is a world whose owner and team read a PagerDuty service, and whose
// owner has a webhook.
func paged(t *testing.T) (*world, *notifytest.PagerDuty, *notifytest.Vendor) {
	t.Helper()
	pager, err := notifytest.NewPagerDuty()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pager.Close() })
	hook, err := notifytest.NewVendor(func(notifytest.Asked) notifytest.Said { return notifytest.Said{Status: http.StatusOK, Body: "{}"} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hook.Close() })
	w := enter(t, harness.Options{
		Policies: pagePolicy, Nginx: sites(site(t, "www.shop.test", time.Hour)),
		Channels: fmt.Sprintf(`  - {name: pager, kind: pagerduty, options: {url: %q, routing_key: %q, webhook_secret: %q}}
  - {name: hook, kind: webhook, options: {url: %q, signing_secret: hook-s3cr3t, phases: [acknowledged, resolved]}}`, pager.Events(), pager.RoutingKey, pager.WebhookSecret, hook.URL()+"/hook"),
		Reads:    map[string]string{"minji": "pager, hook", "platform": "pager"},
		Sections: "permissions: {answer: [anyone]}", // who answers there is nobody of the directory
	})
	w.watch("shop", 0, "--policy", "steps")
	return w, pager, hook
}

func TestAnAcknowledgementInPagerDutyQuietsTheEscalationAndTellsTheOtherChannels(t *testing.T) {
	t.Parallel()
	w, pager, hook := paged(t)
	a := w.settled("shop", alert.Expiring, "the owner to be told by every kind of channel", func(a lifecycle.Alert) bool { return len(a.Receipts) == 5 })
	due := a.NextAt
	all := pager.Incidents()
	if len(all) != 1 || all[0].Status != "triggered" || all[0].Severity != "error" || len(all[0].Links) != 1 {
		t.Fatalf("incidents %+v", all)
	}
	ack := notifytest.Webhook{Type: "incident.acknowledged", EventID: "01DQ0", Agent: &notifytest.Agent{ID: "PJUN001", Name: "Jun Park", Type: "user_reference"}}
	url := "http://" + w.HTTP + "/pagerduty/webhook"
	for range 2 {
		if status, err := pager.Deliver(t.Context(), url, all[0], ack); err != nil || status != http.StatusOK {
			t.Fatalf("the webhook was answered by %d: %v", status, err)
		}
	}
	if time.Now().After(due) {
		t.Fatal("the machine is too slow for this test: the next step was due before the answer")
	}
	a = w.settled("shop", alert.Expiring, "the acknowledgement", acknowledgedAlert)
	if a.Answer.By != "pagerduty:PJUN001 (Jun Park)" || a.Answer.Via != "pagerduty" {
		t.Errorf("acknowledged by %+v", a.Answer)
	}
	w.eventually("the next step to be past", func() bool { return time.Now().After(due.Add(3 * time.Second)) })
	a = w.settled("shop", alert.Expiring, "quiet", func(lifecycle.Alert) bool { return true })
	if a.Told != 1 || w.teamNotices() != 0 {
		t.Errorf("told %d times, the team %d times, although somebody has it", a.Told, w.teamNotices())
	}
	if got := w.journal("shop", "acknowledged", "refused"); len(got) != 1 || got[0].Via != "pagerduty" {
		t.Errorf("the journal tells %+v, want one acknowledgement", got)
	}
	ctx, cancel := w.patience()
	defer cancel()
	if err := hook.Wait(ctx, func(all []notifytest.Asked) bool {
		return len(all) == 2 && strings.Contains(all[0].Body, `"phase":"firing"`) && strings.Contains(all[1].Body, `"answeredBy":"pagerduty:PJUN001 (Jun Park)"`)
	}); err != nil {
		t.Errorf("%v: %+v", err, hook.Taken())
	}
	w.cli(0, "alert", "test", "--channel", "pager", "--cert", "shop", "--kind", "unseen", "--severity", "P1")
	all = pager.Incidents()
	if last := all[len(all)-1]; last.Status != "resolved" || last.Severity != "critical" || !strings.HasPrefix(last.Title, "[TEST] [P1] shop") {
		t.Errorf("a test fired at the certificate gave %+v", last)
	}
	forged := ack
	forged.EventID, forged.Secrets = "01DQ1", []string{"guess"}
	if status, err := pager.Deliver(t.Context(), url, all[0], forged); err != nil || status != http.StatusUnauthorized {
		t.Errorf("a forged webhook was answered by %d: %v", status, err)
	}
}

func TestAnAcknowledgementElsewhereIsShownInPagerDutyAndANewPageIsANewIncident(t *testing.T) {
	t.Parallel()
	w, pager, _ := paged(t)
	w.settled("shop", alert.Expiring, "the owner to be told by every kind of channel", func(a lifecycle.Alert) bool { return len(a.Receipts) == 5 })
	w.cli(0, "ack", "shop", "--for", "5s", "--note", "looking")
	w.eventually("PagerDuty to show it", func() bool { return pager.Incidents()[0].Status == "acknowledged" })
	w.eventually("it to lapse, and the next to be rung", func() bool {
		all := pager.Incidents()
		return len(all) == 2 && all[0].Status == "resolved" && all[1].Status == "triggered"
	})
	w.cli(0, "retire", "shop", "--force", "--note", "test")
	w.eventually("every incident to be over", func() bool {
		for _, i := range pager.Incidents() {
			if i.Status != "resolved" {
				return false
			}
		}
		return true
	})
}
