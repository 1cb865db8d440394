package notify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

var (
	_ activities.Channel = (*notify.PagerDuty)(nil)
	_ activities.Updater = (*notify.PagerDuty)(nil)
)

func pagerDuty(t *testing.T) (*notifytest.PagerDuty, *notify.PagerDuty) {
	t.Helper()
	s, err := notifytest.NewPagerDuty()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c, err := notify.NewPagerDuty(notify.PagerDutyOptions{RoutingKey: notify.Secret(s.RoutingKey), WebhookSecret: notify.Secret(s.WebhookSecret), URL: s.Events()})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestPagerDutyKeepsTheContract(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		s, c := pagerDuty(t)
		return notifytest.Bench{
			Kind: notify.KindPagerDuty, Address: "web", Channel: c, Deduplicates: true, Secrets: []string{s.RoutingKey, s.WebhookSecret}, Trouble: s.Troubles(), Heal: s.Heal, Answers: s.SetAnswer,
			Delivered: func() (out []notifytest.Delivery) {
				for _, i := range s.Incidents() {
					for _, entry := range i.Log {
						out = append(out, notifytest.Delivery{ID: i.ID, Reading: entry})
					}
				}
				return out
			},
			Open: func() (n int) {
				for _, i := range s.Incidents() {
					if i.Status != "resolved" {
						n++
					}
				}
				return n
			},
		}
	})
}

func pagerMessage(round int, severity alert.Severity) alert.Message {
	n := notifytest.Sample()
	n.Round, n.Severity, n.Key = round, severity, fmt.Sprint("shop/", round)
	return notifytest.Message(n, notify.KindPagerDuty, "web", "en")
}

func TestAnAlertThatFiresAnewIsAnIncidentThatRingsAnew(t *testing.T) {
	s, c := pagerDuty(t)
	first, err := c.Send(t.Context(), pagerMessage(1, alert.P2), false)
	if err != nil {
		t.Fatal(err)
	}
	m := pagerMessage(1, alert.P2)
	m.DedupKey, m.InReplyTo = "step 2", &first
	step, err := c.Send(t.Context(), m, false)
	if err != nil {
		t.Fatal(err)
	}
	m.Notice.Phase = alert.Acknowledged
	for _, r := range []alert.Receipt{first, step} {
		if err := c.Update(t.Context(), r, m); err != nil {
			t.Fatal(err)
		}
	}
	if all := s.Incidents(); len(all) != 1 || all[0].Status != "acknowledged" || len(all[0].Log) != 2 || all[0].Severity != "error" {
		t.Fatalf("%+v", all)
	}
	m = pagerMessage(2, alert.P1)
	m.InReplyTo = &first
	if _, err := c.Send(t.Context(), m, false); err != nil { // its receipt is not kept, that of the first is
		t.Fatal(err)
	}
	all := s.Incidents()
	if len(all) != 2 || all[0].Status != "resolved" || all[1].Status != "triggered" || all[1].Severity != "critical" || all[1].Rung != 1 {
		t.Fatalf("%+v", all)
	}
	m.Notice.Phase = alert.Resolved
	for _, r := range []alert.Receipt{first} {
		if err := c.Update(t.Context(), r, m); err != nil {
			t.Fatal(err)
		}
	}
	if all := s.Incidents(); len(all) != 2 || all[1].Status != "resolved" {
		t.Errorf("%+v", all)
	}
}

func TestAnIncidentCarriesItsAlertAndTheWayBack(t *testing.T) {
	s, c := pagerDuty(t)
	m := pagerMessage(1, alert.P3)
	if _, err := c.Send(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	i := s.Incidents()[0]
	ref, err := alert.ParseIncident(i.Key)
	if err != nil || ref != (alert.Ref{Certificate: "shop", AlertID: m.Notice.AlertID, Standing: "1"}) {
		t.Errorf("%+v %v", ref, err)
	}
	if len(i.Links) != 1 || i.Links[0] != m.Notice.Link || i.Severity != "warning" {
		t.Errorf("%+v", i)
	}
}

func TestAKeyThatIsNoneIsRefusedByName(t *testing.T) {
	for want, o := range map[string]notify.PagerDutyOptions{
		"routing_key is not an integration key":       {RoutingKey: "u+s3cr3t"},
		"routing_key or routing_key_file is required": {},
		"url is not encrypted":                        {RoutingKey: "0123456789abcdef0123456789abcdef", URL: "http://events.example.com"},
	} {
		if _, err := notify.NewPagerDuty(o); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
