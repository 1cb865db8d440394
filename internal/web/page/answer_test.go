package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

var linkKey = []byte("a key of links that is long enough")

// withLinks serves a world at an address that strangers reach, without a page.
func withLinks(t *testing.T, w *world) *visitor {
	t.Helper()
	v := visit(t, serve(t, w, func(c *Config) {
		c.Listen = "0.0.0.0:8080"
		c.Ticket = func(text string) (alert.Ticket, error) { return alert.ReadTicket(linkKey, text, w.now()) }
	}))
	v.http.Jar = nil
	return v
}

// link is what the message about a certificate's alert has for somebody.
func (w *world) link(t *testing.T, name, to string, action alert.Action, change func(*alert.Ticket)) string {
	t.Helper()
	a := w.states[name].Alerts[0]
	ticket := alert.Ticket{Ref: alert.Ref{Certificate: name, AlertID: a.ID, Standing: a.Standing()}, To: to, Kind: "email", Action: action, Ends: w.now().Add(time.Hour).Unix(), Language: "en"}
	if change != nil {
		change(&ticket)
	}
	text, err := ticket.Sign(linkKey)
	if err != nil {
		t.Fatal(err)
	}
	return AnswerLink("", text)
}

func (v *visitor) post(path string, form url.Values) (int, string) {
	v.t.Helper()
	resp, text := v.do(http.MethodPost, path, form, nil)
	return resp.StatusCode, text
}

func TestALinkAsksAndOnlyAPostAnswers(t *testing.T) {
	w := populated()
	v := withLinks(t, w)
	before := w.states["pay"].Clone()
	link := w.link(t, "pay", "hana", alert.ActAcknowledge, nil)
	for range 3 { // scanners of mail, and a person
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			resp, text := v.do(method, link, nil, nil)
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("Content-Security-Policy") == "" || len(resp.Cookies()) != 0 {
				t.Fatalf("%d %v", resp.StatusCode, resp.Header)
			}
			if method == http.MethodGet {
				contains(t, text, "You answer as Hana Lee", `method="post"`, "pay", "Note for the record")
			}
		}
	}
	if w.states["pay"].Alerts[0].Answer != nil || len(before.Alerts) != len(w.states["pay"].Alerts) {
		t.Fatal("looking changed something")
	}
	if status, _ := v.get("/assets/page.css"); status != http.StatusOK {
		t.Errorf("its style: %d", status)
	}
	if status, _ := v.get("/"); status != http.StatusForbidden {
		t.Errorf("the page that is not served: %d", status)
	}
	_, text := v.get(link)
	form := v.form(text, link)
	form.Set("note", "on it <b>now</b>")
	form.Set("for", "4h")
	if status, text := v.post(link, form); status != http.StatusOK || !strings.Contains(text, "Noted: you have it.") {
		t.Fatalf("%d\n%s", status, text)
	}
	a := w.states["pay"].Alerts[0].Answer
	if a == nil || a.By != "hana" || a.Via != "email link" || a.Note != "on it <b>now</b>" || a.Until.Sub(a.At).Round(time.Hour) != 4*time.Hour {
		t.Fatalf("%+v", a)
	}
	other := w.link(t, "pay", "jun", alert.ActAcknowledge, func(x *alert.Ticket) { x.Standing = before.Alerts[0].Standing() })
	for _, second := range []string{link, other} {
		if status, text := v.post(second, form); status != http.StatusConflict || !strings.Contains(text, "Answered by hana, by email link at") {
			t.Errorf("the second click: %d\n%s", status, text)
		}
		if status, text := v.get(second); status != http.StatusConflict || !strings.Contains(text, "hana has it until") || strings.Contains(text, "<form") {
			t.Errorf("the second look: %d\n%s", status, text)
		}
	}
}

func TestEachLinkDoesWhatItIsForAndNothingElse(t *testing.T) {
	w := populated()
	w.add("old", 20*oneDay, true, "minji", alert.P3)
	v := withLinks(t, w)
	snooze, take, renew := w.link(t, "mail", "minji", alert.ActSnooze, nil), w.link(t, "vpn", "hana", alert.ActTakeOver, nil), w.link(t, "old", "team:platform", alert.ActRenew, nil)
	if status, _ := v.post(snooze, url.Values{"until": {"3d"}, "action": {"take-over"}}); status != http.StatusOK || w.states["mail"].Alerts[0].SnoozedUntil.IsZero() {
		t.Errorf("snooze: %d", status)
	}
	if status, _ := v.post(take, nil); status != http.StatusOK || w.states["vpn"].Spec.Owner != "hana" || w.states["vpn"].Alerts[0].Status != lifecycle.Acknowledged {
		t.Errorf("take over: %d, owned by %s", status, w.states["vpn"].Spec.Owner)
	}
	give := w.link(t, "pay", "hana", alert.ActReassign, nil)
	_, text := v.get(give)
	contains(t, text, `<option value="jun">Jun Park</option>`, `name="team"`)
	for _, nobody := range []url.Values{{}, {"owner": {"nobody"}}, {"team": {"none"}}} {
		if status, _ := v.post(give, nobody); status != http.StatusUnprocessableEntity || w.states["pay"].Spec.Owner == "nobody" {
			t.Errorf("given to %v: %d, owned by %s", nobody, status, w.states["pay"].Spec.Owner)
		}
	}
	if status, _ := v.post(give, url.Values{"owner": {"jun"}}); status != http.StatusOK || w.states["pay"].Spec.Owner != "jun" {
		t.Errorf("give: %d, owned by %s", status, w.states["pay"].Spec.Owner)
	}
	_, text = v.get(renew)
	contains(t, text, "in the name of team platform", "Times are in UTC.")
	if status, _ := v.post(renew, nil); status != http.StatusOK || w.states["old"].Renew == nil || w.states["old"].Renew.By != "team:platform" {
		t.Errorf("renew: %d, %+v", status, w.states["old"].Renew)
	}
	if status, text := v.post(renew, nil); status != http.StatusConflict || !strings.Contains(text, "already under way") {
		t.Errorf("renew again: %d", status)
	}
}

func TestALinkSpeaksTheLanguageOfWhomItWasSentTo(t *testing.T) {
	w := populated()
	link := w.link(t, "mail", "hana", alert.ActSnooze, func(x *alert.Ticket) { x.Language, x.TimeZone = "ko", "Asia/Seoul" })
	_, text := withLinks(t, w).get(link)
	contains(t, text, `lang="ko"`, "Hana Lee 님의 이름으로 응답합니다", "시각은 Asia/Seoul 기준이며 UTC", "알림 미루기")
}

func TestALinkThatIsForgedExpiredOrOverAnswersNothing(t *testing.T) {
	w := populated()
	v := withLinks(t, w)
	good := w.link(t, "pay", "hana", alert.ActAcknowledge, nil)
	expired := w.link(t, "pay", "hana", alert.ActAcknowledge, func(x *alert.Ticket) { x.Ends = w.now().Unix() })
	gone := w.link(t, "pay", "hana", alert.ActAcknowledge, func(x *alert.Ticket) { x.AlertID = "pay/none/expiring" })
	left := w.link(t, "pay", "hana", alert.ActAcknowledge, func(x *alert.Ticket) { x.Certificate, x.AlertID = "left", "left/x/expiring" })
	hostile := AnswerLink("", "<script>alert(1)</script>")
	for link, want := range map[string]int{good + "x": 404, good[:len(good)-2]: 404, AnswerLink("", ""): 404, hostile: 404, expired: 410, gone: 410, left: 410} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			resp, text := v.do(method, link, url.Values{}, nil)
			if resp.StatusCode != want || strings.Contains(text, "<form") || strings.Contains(text, "<script>alert") {
				t.Errorf("%s %s: %d, want %d", method, link, resp.StatusCode, want)
			}
		}
	}
	if w.states["pay"].Alerts[0].Answer != nil {
		t.Error("something was answered")
	}
	s := w.states["pay"]
	s.Alerts[0].Status, s.Alerts[0].ResolvedAt, s.Alerts[0].Evidence = lifecycle.Resolved, w.now(), "replaced <b>by hand</b>"
	w.states["pay"] = s
	if status, text := v.get(good); status != http.StatusGone || !strings.Contains(text, "it is over since") || strings.Contains(text, "<b>by hand") {
		t.Errorf("resolved: %d", status)
	}
	if resp, _ := v.do(http.MethodPost, good, url.Values{}, map[string]string{"Origin": "https://attacker.example", "Sec-Fetch-Site": "cross-site"}); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %d", resp.StatusCode)
	}
	for range maxFailures {
		v.get(hostile)
	}
	if resp, _ := v.do(http.MethodGet, good, nil, nil); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("whoever guesses goes on: %d", resp.StatusCode)
	}
}

func TestAnswersByALinkThatCannotBeReadAreAskedAgain(t *testing.T) {
	w := populated()
	v := withLinks(t, w)
	link := w.link(t, "mail", "minji", alert.ActSnooze, nil)
	for _, form := range []url.Values{{}, {"custom": {"2001-01-01T09:00"}}, {"until": {"3d"}, "note": {strings.Repeat("x", maxNote+1)}}} {
		if status, text := v.post(link, form); status != http.StatusUnprocessableEntity || !strings.Contains(text, "<form") {
			t.Errorf("%v: %d", form, status)
		}
	}
	if status, _ := withLinksUnread(t, w).get(link); status != http.StatusNotFound {
		t.Errorf("where there are no links: %d", status)
	}
}

func withLinksUnread(t *testing.T, w *world) *visitor { return visit(t, serve(t, w, nil)) }
