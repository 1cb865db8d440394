package page

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// storm is one message about many alerts.
type storm struct {
	notice alert.Notice
	asked  []workflows.AcknowledgeAllRequest
	err    error
}

func (s *storm) Digest(_ context.Context, id string) (alert.Notice, error) {
	if id != s.notice.AlertID {
		return alert.Notice{}, lifecycle.Refusal{Text: "too old"}
	}
	return s.notice, nil
}

func (s *storm) AcknowledgeAll(_ context.Context, in workflows.AcknowledgeAllRequest) (func(context.Context) (alert.Tally, error), error) {
	s.asked = append(s.asked, in)
	return func(context.Context) (alert.Tally, error) { return alert.Tally{Taken: 1, Had: 1}, nil }, s.err
}

func TestALinkAnswersEveryAlertOfAMessageAndAsksFirst(t *testing.T) {
	w := populated()
	at := w.now()
	rows := []alert.Standing{
		{Certificate: "pay", Alert: "pay/x/expiring", Severity: alert.P2, Reason: alert.Expiring, Phase: alert.Firing, NotAfter: at.Add(48 * time.Hour)},
		{Certificate: "shop", Alert: "shop/x/expiring", Severity: alert.P2, Reason: alert.Expiring, Phase: alert.Acknowledged, By: "jun", NotAfter: at.Add(72 * time.Hour)},
	}
	s := &storm{notice: alert.Notice{AlertID: "inbox:hana/1-1", Phase: alert.Firing, Severity: alert.P2, Reason: alert.Gathered, At: at,
		Actions: []alert.Action{alert.ActAckAll}, Summary: &alert.Summary{Whole: 2, Open: 2, Rows: rows}}}
	v := visit(t, serve(t, w, func(c *Config) {
		c.Listen, c.Digests = "0.0.0.0:8080", s
		c.Ticket = func(text string) (alert.Ticket, error) { return alert.ReadTicket(linkKey, text, w.now()) }
	}))
	v.http.Jar = nil
	sign := func(id string) string {
		text, err := alert.Ticket{Ref: alert.Ref{AlertID: id}, To: "hana", Kind: "email", Action: alert.ActAckAll, Ends: at.Add(time.Hour).Unix(), Language: "en"}.Sign(linkKey)
		if err != nil {
			t.Fatal(err)
		}
		return AnswerLink("", text)
	}
	link := sign("inbox:hana/1-1")
	status, text := v.get(link)
	if status != http.StatusOK || len(s.asked) != 0 {
		t.Fatalf("%d, asked %d times", status, len(s.asked))
	}
	contains(t, text, "You answer as Hana Lee", "Acknowledge all", "<li>", "pay", "shop", "acknowledged by jun")
	form := v.form(text, link)
	form.Set("note", "mine")
	form.Set("for", "4h")
	if status, text := v.post(link, form); status != http.StatusOK || !strings.Contains(text, "Acknowledged 1 of 2. 1 somebody else has already.") {
		t.Fatalf("%d\n%s", status, text)
	}
	if in := s.asked[0]; in.By != "hana" || in.Via != "email link" || in.Note != "mine" || in.For != 4*time.Hour || in.Digest != "inbox:hana/1-1" || in.ID == "" {
		t.Errorf("%+v", in)
	}
	s.err = people.Forbidden{Who: "hana", May: []string{"jun"}}
	if status, text := v.post(link, url.Values{}); status != http.StatusForbidden || !strings.Contains(text, "jun") {
		t.Errorf("%d\n%s", status, text)
	}
	s.notice.Actions = nil
	for _, l := range []string{link, sign("inbox:hana/1-9")} {
		if status, text := v.get(l); status != http.StatusGone || strings.Contains(text, "<form") {
			t.Errorf("%d\n%s", status, text)
		}
	}
}
