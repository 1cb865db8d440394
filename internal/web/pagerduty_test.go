package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/people"
)

type pagerBench struct {
	*desk
	pager    *notifytest.PagerDuty
	url      string
	incident notifytest.Incident
}

func pagerDesk(t *testing.T) *pagerBench {
	t.Helper()
	p, err := notifytest.NewPagerDuty()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	b := &pagerBench{desk: &desk{counted: map[string]bool{}}, pager: p}
	d := people.Directory{People: []people.Person{{ID: "minji", PagerDuty: "PMINJI"}}}
	h, err := PagerDutyHandler(PagerDutyConfig{Secrets: []string{"another", p.WebhookSecret}, Answers: b.desk, Person: d.ByPagerDuty})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	b.url = s.URL + PagerDutyPath
	b.incident = notifytest.Incident{ID: "PINC001", Key: alert.Incident("shop/0011/expiring", 1)}
	return b
}

func (b *pagerBench) deliver(t *testing.T, w notifytest.Webhook) int {
	t.Helper()
	status, err := b.pager.Deliver(t.Context(), b.url, b.incident, w)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func acknowledgedBy(id, name string) notifytest.Webhook {
	return notifytest.Webhook{Type: "incident.acknowledged", EventID: "01BZ", Agent: &notifytest.Agent{ID: id, Name: name, Type: "user_reference"}}
}

func TestAnAcknowledgementInPagerDutyIsAttributed(t *testing.T) {
	for id, want := range map[string]string{"PMINJI": "minji", "PSTRANGER": "pagerduty:PSTRANGER (Kim\\nMinji)"} {
		b := pagerDesk(t)
		for range 3 { // PagerDuty delivers at least once
			if got := b.deliver(t, acknowledgedBy(id, "Kim\nMinji")); got != http.StatusOK {
				t.Fatalf("answered by %d", got)
			}
		}
		a := b.answers[0]
		if a.Person.ID != want || a.Via != "pagerduty" || a.Action != alert.ActAcknowledge || a.Certificate != "shop" || a.AlertID != "shop/0011/expiring" || a.Standing != "1" {
			t.Errorf("%+v", a)
		}
		if len(b.counted) != 1 {
			t.Errorf("counted %d times", len(b.counted))
		}
	}
}

func TestToResolveInPagerDutyIsToAcknowledge(t *testing.T) {
	b := pagerDesk(t)
	w := acknowledgedBy("PMINJI", "")
	w.Type = "incident.resolved"
	if got := b.deliver(t, w); got != http.StatusOK || len(b.answers) != 1 || b.answers[0].Action != alert.ActAcknowledge {
		t.Errorf("%d, %+v", got, b.answers)
	}
}

func TestAForgedWebhookOfPagerDutyChangesNothing(t *testing.T) {
	for name, change := range map[string]func(*notifytest.Webhook){
		"by another secret": func(w *notifytest.Webhook) { w.Secrets = []string{"guess"} },
		"by no secret":      func(w *notifytest.Webhook) { w.Secrets = []string{""} },
		"unsigned":          func(w *notifytest.Webhook) { w.Headers = map[string]string{"X-PagerDuty-Signature": ""} },
		"of no form":        func(w *notifytest.Webhook) { w.Headers = map[string]string{"X-PagerDuty-Signature": "v1=,v2=aa,v1=zz"} },
	} {
		b := pagerDesk(t)
		w := acknowledgedBy("PMINJI", "")
		change(&w)
		if got := b.deliver(t, w); got != http.StatusUnauthorized || len(b.answers)+len(b.signals) != 0 {
			t.Errorf("%s: %d, %+v", name, got, b.answers)
		}
	}
}

func TestOneGoodSignatureOfSeveralIsEnough(t *testing.T) {
	b := pagerDesk(t)
	w := acknowledgedBy("PMINJI", "")
	w.Secrets = []string{"old", b.pager.WebhookSecret}
	if got := b.deliver(t, w); got != http.StatusOK || len(b.answers) != 1 {
		t.Errorf("%d, %+v", got, b.answers)
	}
}

func TestWhatIsNoAnswerOfAPersonIsTakenAndIgnored(t *testing.T) {
	for name, change := range map[string]func(*notifytest.Webhook, *notifytest.Incident){
		"our own through the integration": func(w *notifytest.Webhook, _ *notifytest.Incident) {
			w.Agent.Type = "events_api_v2_inbound_integration_reference"
		},
		"of nobody":        func(w *notifytest.Webhook, _ *notifytest.Incident) { w.Agent = nil },
		"another event":    func(w *notifytest.Webhook, _ *notifytest.Incident) { w.Type = "incident.annotated" },
		"a ping":           func(w *notifytest.Webhook, _ *notifytest.Incident) { w.Type, w.Agent = "pagey.ping", nil },
		"not our incident": func(_ *notifytest.Webhook, i *notifytest.Incident) { i.Key = "d3640fbd41094207" },
	} {
		b := pagerDesk(t)
		w := acknowledgedBy("PMINJI", "")
		change(&w, &b.incident)
		if got := b.deliver(t, w); got != http.StatusOK || len(b.answers)+len(b.signals) != 0 {
			t.Errorf("%s: %d, %+v", name, got, b.answers)
		}
	}
}

func TestARefusalIsFinalAndTroubleIsDeliveredAgain(t *testing.T) {
	b := pagerDesk(t)
	b.err = fault.New(fault.Invalid, "hana was first")
	if got := b.deliver(t, acknowledgedBy("PMINJI", "")); got != http.StatusOK || len(b.signals) != 0 {
		t.Errorf("refused: %d, %d signals", got, len(b.signals))
	}
	b.err = fault.New(fault.Transient, "no worker")
	if got := b.deliver(t, acknowledgedBy("PMINJI", "")); got != http.StatusOK || len(b.signals) != 1 {
		t.Errorf("no worker: %d, %d signals", got, len(b.signals))
	}
	b.signalErr = fault.New(fault.Transient, "no engine")
	if got := b.deliver(t, acknowledgedBy("PMINJI", "")); got != http.StatusInternalServerError {
		t.Errorf("no engine: %d", got)
	}
}

func TestOnlyAPostOfReasonableSizeIsRead(t *testing.T) {
	b := pagerDesk(t)
	resp, err := http.Get(b.url)
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("%v %v", resp, err)
	}
	resp.Body.Close()
	resp, err = http.Post(b.url, "application/json", strings.NewReader(strings.Repeat("x", maxBody+1)))
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%v %v", resp, err)
	}
	resp.Body.Close()
	if _, err := PagerDutyHandler(PagerDutyConfig{Answers: b.desk, Person: func(string) (people.Person, bool) { return people.Person{}, false }}); err == nil {
		t.Error("a handler without a secret is made")
	}
}

func TestAnAcknowledgementInPagerDutyByWhoMayNotIsNeitherCountedNorDeliveredAgain(t *testing.T) {
	b := pagerDesk(t)
	b.err = people.Forbidden{Who: "pagerduty:PSTRANGER"}
	if got := b.deliver(t, acknowledgedBy("PSTRANGER", "x")); got != http.StatusOK || len(b.signals) != 0 || len(b.counted) != 0 {
		t.Errorf("answered by %d; left as signals: %+v", got, b.signals)
	}
}
