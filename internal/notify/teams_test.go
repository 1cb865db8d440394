package notify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

var (
	_ activities.Channel = (*notify.Teams)(nil)
	_ activities.Updater = (*notify.Teams)(nil)
)

func teamsChannel(t *testing.T) (*notifytest.Vendor, *notify.Teams) {
	t.Helper()
	v, err := notifytest.NewTeams()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	c, err := notify.NewTeams(notify.TeamsOptions{URL: notify.Secret(v.URL() + notifytest.TeamsPath)})
	if err != nil {
		t.Fatal(err)
	}
	return v, c
}

func TestTeamsKeepsTheContract(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		v, c := teamsChannel(t)
		return notifytest.Bench{
			Kind: notify.KindTeams, Address: "web-room", Channel: c, Secrets: []string{"s1gn4tur3"}, Trouble: v.Troubles(), Heal: v.Heal, Answers: v.SetAnswer,
			Delivered: func() (out []notifytest.Delivery) {
				for i, a := range v.Taken() {
					out = append(out, notifytest.Delivery{ID: fmt.Sprint(i), Reading: notifytest.CardText(a.Body)})
				}
				return out
			},
		}
	})
}

func teamsMessage(n alert.Notice) alert.Message {
	return notifytest.Message(n, notify.KindTeams, "web-room", "ko")
}

func TestACardHasALinkToAnswer(t *testing.T) {
	v, c := teamsChannel(t)
	m := teamsMessage(notifytest.Sample())
	if _, err := c.Send(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	if got := notifytest.CardText(v.Taken()[0].Body); !strings.Contains(got, "]("+m.Notice.Link+")") {
		t.Errorf("no link in\n%s", got)
	}
}

func TestACardIsNeverTooLongForTeams(t *testing.T) {
	v, c := teamsChannel(t)
	n := notifytest.Sample()
	n.Cause = strings.Repeat(strings.Repeat("가", 590)+"\n", 40)
	for i := range 60 {
		n.Places = append(n.Places, alert.Place{Where: fmt.Sprintf("web-%d.%s.example.com:443", i, strings.Repeat("x", 500)), Err: strings.Repeat("\\", 600)})
		n.Tried = append(n.Tried, alert.Try{At: n.At, Outcome: "configuration", Cause: strings.Repeat("\"", 600)})
		n.Names = append(n.Names, strings.Repeat("n", 250)+fmt.Sprint(i))
		n.Commands = append(n.Commands, "neverlapse "+strings.Repeat("c", 600))
	}
	summary := alert.Notice{Key: "s", Phase: alert.Firing, Reason: alert.Imported, At: n.At, Summary: &alert.Summary{Whole: 300}}
	for i := range 300 {
		summary.Summary.Rows = append(summary.Summary.Rows, alert.Standing{Certificate: fmt.Sprintf("%0100d", i), Severity: alert.P1, NotAfter: n.At.Add(time.Hour)})
	}
	for _, n := range []alert.Notice{n, summary} {
		if _, err := c.Send(t.Context(), teamsMessage(n), false); err != nil {
			t.Fatal(err)
		}
	}
	if got := notifytest.CardText(v.Taken()[0].Body); !strings.Contains(got, "shop") || !strings.Contains(got, "[P1]") || len(v.Taken()[0].Body) < 3000 {
		t.Errorf("%d bytes, what is left of it:\n%s", len(v.Taken()[0].Body), got)
	}
}

func TestTheStandInRefusesWhatTeamsRefuses(t *testing.T) {
	v, _ := teamsChannel(t)
	hook := func(body string) error {
		w, err := notify.NewWebhook(notify.WebhookOptions{URL: v.URL() + notifytest.TeamsPath, Body: body, Reply: notify.WebhookReply{Error: "{{.error.message}}"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Send(t.Context(), hookMessage(), false)
		return err
	}
	card := func(inner string) string {
		return `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard",` + inner + `}}]}`
	}
	for want, body := range map[string]string{
		"version 1.7 is not shown by Teams":    card(`"version":"1.7"`),
		"AdaptiveCard has no version":          card(`"body":[]`),
		`element of type "Button" is not`:      card(`"version":"1.4","body":[{"type":"Button"}]`),
		"TextRun knows no colour":              card(`"version":"1.4","body":[{"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"a","colour":"x"}]}]`),
		"TextRun: size huge":                   card(`"version":"1.4","body":[{"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"a","size":"huge"}]}]`),
		"url javascript:alert(1)":              card(`"version":"1.4","actions":[{"type":"Action.OpenUrl","title":"a","url":"javascript:alert(1)"}]`),
		"not a message with one Adaptive Card": `{"type":"message"}`,
		"longer than 28 KB":                    card(`"version":"1.4","speak":"` + strings.Repeat("x", 28<<10) + `"`),
	} {
		if err := hook(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := hook(card(`"version":"1.4"`)); err != nil {
		t.Error(err)
	}
}

func TestTheAddressOfAConnectorIsRefused(t *testing.T) {
	for want, address := range map[string]string{
		"retired":             "https://acme.webhook.office.com/webhookb2/s3cr3t",
		"is not encrypted":    "http://prod.westeurope.logic.azure.com/workflows/s3cr3t",
		"is not an https URL": "s3cr3t",
	} {
		if _, err := notify.NewTeams(notify.TeamsOptions{URL: notify.Secret(address)}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestAWorkflowThatIsGoneIsToldByItsWord(t *testing.T) {
	v, _ := teamsChannel(t)
	c, err := notify.NewTeams(notify.TeamsOptions{URL: notify.Secret(v.URL() + "/workflows/x?sig=wrong")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), teamsMessage(notifytest.Sample()), false); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "DirectApiInvalidAuthorizationScheme") {
		t.Errorf("%v", err)
	}
}
