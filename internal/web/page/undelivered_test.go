package page

import (
	"context"
	"net/http"
	"testing"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
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
