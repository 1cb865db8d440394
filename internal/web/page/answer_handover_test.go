package page

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// estates holds handovers that are decided by the real brain.
type estates struct {
	mu  sync.Mutex
	all map[string]*lifecycle.Handover
	why map[string]string
	via []string
}

// leave has a person leave three certificates to a line of which the first is asked.
func leave(person string, line ...string) *estates {
	h := &lifecycle.Handover{Person: person, Cause: lifecycle.LeftDirectory, Within: 48 * time.Hour, Standing: "17",
		Left: lifecycle.Leavings{Successors: line, CatchAll: "platform", Certificates: 3}}
	h.Begin(time.Now())
	h.Asked = line[0]
	return &estates{all: map[string]*lifecycle.Handover{person: h}, why: map[string]string{}}
}

func (e *estates) Handover(_ context.Context, person string) (workflows.HandoverStatus, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, ok := e.all[person]
	if !ok {
		return workflows.HandoverStatus{}, workflows.ErrNotEnrolled
	}
	falls, _ := h.Falls()
	return workflows.HandoverStatus{HandoverInput: workflows.HandoverInput{Person: person, Cause: h.Cause}, Standing: h.Standing, Asked: h.Asked,
		Until: h.Until, Falls: falls, Certificates: h.Left.Certificates, To: h.To, Why: e.why[person], May: h.May}, nil
}

func (e *estates) Handovers(ctx context.Context) (out []workflows.HandoverStatus, err error) {
	for person := range e.all {
		s, failed := e.Handover(ctx, person)
		if failed != nil {
			return out, failed
		}
		out = append(out, s)
	}
	return out, nil
}

func (e *estates) AnswerHandover(_ context.Context, person string, in workflows.HandoverAnswerRequest) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, ok := e.all[person]
	if !ok {
		return lifecycle.Refusal{Text: "no handover of " + person + " is under way"}
	}
	word := lifecycle.HandoverAnswered{ID: in.ID, By: in.By, Accept: in.Accept, Seen: in.Seen}
	if err := h.CheckAnswer(word, e.why[person]); err != nil {
		return err
	}
	h.Answer(word)
	e.via = append(e.via, in.Via+": "+in.Note)
	if in.Accept {
		e.why[person] = in.By + " accepted by " + in.Via
	} else if len(h.Line) > 0 {
		h.Asked = h.Line[0]
	}
	return nil
}

// answering is the link by which somebody answers a handover.
func answering(t *testing.T, person, to string, action alert.Action) string {
	t.Helper()
	text, err := alert.Ticket{Ref: alert.Ref{Certificate: person, AlertID: person + "/handover", Standing: "17"}, To: to, Kind: "teams", Action: action, Ends: time.Now().Add(time.Hour).Unix()}.Sign(linkKey)
	if err != nil {
		t.Fatal(err)
	}
	return AnswerLink("", text)
}

func withEstates(t *testing.T, e *estates) *visitor {
	t.Helper()
	v := visit(t, serve(t, populated(), func(c *Config) {
		c.Listen, c.Handovers = "0.0.0.0:8080", e
		c.Ticket = func(text string) (alert.Ticket, error) { return alert.ReadTicket(linkKey, text, time.Now()) }
	}))
	v.http.Jar = nil
	return v
}

func TestAHandoverIsAnsweredByLinksAndTheSecondIsToldWhoWasFirst(t *testing.T) {
	e := leave("minji", "hana", "jun")
	v := withEstates(t, e)
	accept, other := answering(t, "minji", "hana", alert.ActAccept), answering(t, "minji", "jun", alert.ActAccept)
	until := e.all["minji"].Until.Format("2006-01-02 15:04")
	for range 2 {
		status, text := v.get(accept)
		if status != http.StatusOK || e.all["minji"].To != "" {
			t.Fatalf("%d %s", status, e.all["minji"].To)
		}
		contains(t, text, "minji does not look after these certificates any more", "mail, login, www, shop", "without an answer they go to hana at "+until, "You answer as Hana Lee", "Accept them", "/?owner=minji#rest")
	}
	if status, text := v.post(answering(t, "minji", "jun", alert.ActDecline), nil); status != http.StatusConflict || !strings.Contains(text, "hana is asked now") {
		t.Errorf("declined by who is not asked: %d\n%s", status, text)
	}
	if status, text := v.post(answering(t, "minji", "hana", alert.ActDecline), url.Values{"note": {"on leave"}}); status != http.StatusOK || !strings.Contains(text, "the next in line is asked") || e.all["minji"].Asked != "jun" {
		t.Errorf("decline: %d, %s is asked", status, e.all["minji"].Asked)
	}
	if status, text := v.post(other, url.Values{"note": {"mine"}}); status != http.StatusOK || !strings.Contains(text, "what minji leaves behind is yours") || e.all["minji"].To != "jun" {
		t.Errorf("accept: %d\n%s", status, text)
	}
	if len(e.via) != 2 || e.via[1] != "teams link: mine" {
		t.Errorf("on record: %q", e.via)
	}
	for link, want := range map[string]string{accept: "jun gets what minji leaves behind", other: "is yours already"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if resp, text := v.do(method, link, url.Values{}, nil); resp.StatusCode != http.StatusConflict || !strings.Contains(text, want) || strings.Contains(text, "<form") {
				t.Errorf("%s: %d, want %q\n%s", method, resp.StatusCode, want, text)
			}
		}
	}
}

func TestALinkOfAnotherHandoverOrForNobodyOfTheLineAnswersNothing(t *testing.T) {
	e := leave("minji", "hana")
	v := withEstates(t, e)
	stranger := answering(t, "minji", "jun", alert.ActAccept)
	earlier := answering(t, "minji", "hana", alert.ActAccept)
	for link, want := range map[string]int{stranger: http.StatusForbidden, answering(t, "jun", "hana", alert.ActAccept): http.StatusGone} {
		if status, text := v.post(link, nil); status != want {
			t.Errorf("%d, want %d\n%s", status, want, text)
		}
	}
	e.all["minji"].Standing = "18"
	if status, text := v.post(earlier, nil); status != http.StatusConflict || !strings.Contains(text, "about an earlier handover of minji") || e.all["minji"].To != "" {
		t.Errorf("%d\n%s", status, text)
	}
	if err := e.AnswerHandover(t.Context(), "minji", workflows.HandoverAnswerRequest{Request: workflows.Request{By: "hana"}, Accept: true, Seen: "17"}); err == nil {
		t.Error("the handover itself takes it")
	}
	e.all["minji"].Standing, e.why["minji"] = "17", "minji is in the directory again"
	if status, text := v.get(earlier); status != http.StatusGone || !strings.Contains(text, "minji is in the directory again") {
		t.Errorf("over: %d", status)
	}
}
