package page

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/workflows"
)

// letterbox keeps dead letters as the store does.
type letterbox []delivery.Undelivered

func (l *letterbox) Undelivered(context.Context, bool) ([]delivery.Undelivered, error) {
	var out []delivery.Undelivered
	for _, u := range *l {
		if u.Seen == nil {
			out = append(out, u)
		}
	}
	return out, nil
}

func (l *letterbox) Broken(context.Context) ([]delivery.Broken, error) {
	return []delivery.Broken{
		{Kind: "email", Address: "hana@example.com", Owner: "hana", Why: "550 5.1.1 <b>no such user</b>"},
		{Kind: "email", Address: "long-gone@example.com", Why: "nobody of the directory has it"},
	}, nil
}

func (l *letterbox) MarkSeen(_ context.Context, ids []string, seen delivery.Seen) error {
	for _, id := range ids {
		found := false
		for i := range *l {
			if (*l)[i].ID == id {
				(*l)[i].Seen, found = &seen, true
			}
		}
		if !found {
			return fault.New(fault.NotFound, "no dead letter has the ID %q", id)
		}
	}
	return nil
}

func TestWhatDidNotArriveStaysOnThePageUntilSomebodyHasSeenIt(t *testing.T) {
	w := populated()
	box := &letterbox{{ID: delivery.ID("a"), At: w.now(), Certificate: "pay", To: "jun", Channel: "mail", Why: "550 <b>no</b>", Instead: []string{"jun by slack"}}, {ID: delivery.ID("b"), At: w.now(), Certificate: "shop", Why: "no channel leads anywhere"}}
	url := serve(t, w, func(c *Config) { c.Letters = box })
	v := visit(t, url).as("jun")
	_, text := v.get("/")
	contains(t, text, "Messages that did not arrive: 2", "jun · mail", "550 &lt;b&gt;no&lt;/b&gt;", "jun by slack", "nobody")
	f := v.form(text, "/undelivered/seen")
	f.Set("note", "told her")
	stranger := visit(t, url)
	_, other := stranger.get("/")
	if resp, _ := stranger.do(http.MethodPost, "/undelivered/seen", stranger.form(other, "/undelivered/seen"), nil); resp.StatusCode != http.StatusUnprocessableEntity || (*box)[0].Seen != nil {
		t.Errorf("whoever has no name is answered %d", resp.StatusCode)
	}
	if resp, text := v.do(http.MethodPost, "/undelivered/seen", f, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("%d\n%s", resp.StatusCode, text)
	} else {
		contains(t, text, "Noted: you have seen them.")
	}
	for _, u := range *box {
		if u.Seen == nil || u.Seen.By != "jun" || u.Seen.Via != "page, unverified" || u.Seen.Note != "told her" {
			t.Errorf("%+v", u.Seen)
		}
	}
	f.Set("ids", "0123456789ab")
	if resp, _ := v.do(http.MethodPost, "/undelivered/seen", f, nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown one is answered %d", resp.StatusCode)
	}
}

func (w *world) ConfirmChannel(_ context.Context, name string, in workflows.Request) error {
	if name != "mail" {
		return workflows.ErrNoChannel
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.confirmed = append(w.confirmed, in)
	return nil
}

func TestALinkInTheProofOfLifeOfAChannelAsksAndThenCounts(t *testing.T) {
	w := populated()
	tickets := map[string]alert.Ticket{}
	for _, name := range []string{"mail", "gone"} {
		tickets[name] = alert.Ticket{Ref: alert.Ref{Certificate: name, AlertID: workflows.ChannelAlert(name) + "proof-of-life"}, To: "jun", Kind: "email", Action: alert.ActAcknowledge, Language: "en"}
	}
	v := visit(t, serve(t, w, func(c *Config) {
		c.Ticket = func(text string) (alert.Ticket, error) { return tickets[text], nil }
	}))
	resp, text := v.get("/answer/mail")
	if resp != http.StatusOK || len(w.confirmed) > 0 {
		t.Errorf("to look is answered %d and counts %d times", resp, len(w.confirmed))
	}
	contains(t, text, "Does anybody read what Neverlapse sends by mail?")
	if resp, text := v.do(http.MethodPost, "/answer/mail", url.Values{"id": {"x"}}, nil); resp.StatusCode != http.StatusOK || len(w.confirmed) != 1 || w.confirmed[0].By != "jun" || w.confirmed[0].Via != "email link" {
		t.Errorf("%d, %+v\n%s", resp.StatusCode, w.confirmed, text)
	}
	if resp, _ := v.do(http.MethodPost, "/answer/gone", url.Values{"id": {"y"}}, nil); resp.StatusCode != http.StatusGone {
		t.Errorf("a channel that is gone is answered %d", resp.StatusCode)
	}
}
