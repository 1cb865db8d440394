package page

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// send fills in a form of a certificate's page and gives what is shown then.
func (v *visitor) send(name, verb string, fill map[string]string) (int, string) {
	v.t.Helper()
	_, text := v.get("/c/" + name)
	return v.sendFrom(text, name, verb, fill)
}

func (v *visitor) sendFrom(text, name, verb string, fill map[string]string) (int, string) {
	v.t.Helper()
	f := v.form(text, "/c/"+name+"/"+verb)
	for k, x := range fill {
		f.Set(k, x)
	}
	resp, shown := v.do(http.MethodPost, "/c/"+name+"/"+verb, f, nil)
	return resp.StatusCode, shown
}

func TestAnAnswerIsTakenUnderTheNameThatWasChosen(t *testing.T) {
	w := populated()
	v := visit(t, serve(t, w, nil)).as("jun")
	status, text := v.send("pay", "acknowledge", map[string]string{"note": "on it <b>now</b>", "for": "4h"})
	if status != http.StatusOK {
		t.Fatalf("%d\n%s", status, text)
	}
	contains(t, text, "Noted: you have it.", "jun has it until", "on it &lt;b&gt;now&lt;/b&gt;")
	a := w.states["pay"].Alerts[0].Answer
	if a.By != "jun" || a.Via != "page, unverified" || a.Until.Sub(a.At).Round(time.Hour) != 4*time.Hour {
		t.Errorf("%+v", a)
	}
	if status, _ = v.send("pay", "check", nil); status != http.StatusOK || w.journal["pay"][len(w.journal["pay"])-1].Kind != "check-asked" {
		t.Errorf("check again: %d", status)
	}
}

func TestASnoozeEndsWhenTheReaderSaysInTheReadersZone(t *testing.T) {
	w := populated()
	v := visit(t, serve(t, w, nil)).as("hana") // of Seoul
	tomorrow := w.now().In(time.FixedZone("KST", 9*3600)).AddDate(0, 0, 1)
	if status, text := v.send("mail", "snooze", map[string]string{"custom": tomorrow.Format("2006-01-02") + "T09:30"}); status != http.StatusOK {
		t.Fatalf("%d\n%s", status, text)
	}
	want := time.Date(tomorrow.Year(), tomorrow.Month(), tomorrow.Day(), 0, 30, 0, 0, time.UTC)
	if got := w.states["mail"].Alerts[0].SnoozedUntil; !got.Equal(want) {
		t.Errorf("snoozed until %v, want %v", got, want)
	}
	if status, text := v.send("mail", "snooze", map[string]string{"custom": "2001-01-01T09:00"}); status != http.StatusUnprocessableEntity || !strings.Contains(text, "Choose a time in the future") {
		t.Errorf("into the past: %d", status)
	}
}

func TestARefusalIsSaidAndWhatWasTypedIsStillThere(t *testing.T) {
	w := populated()
	v := visit(t, serve(t, w, nil)).as("hana")
	status, text := v.send("pay", "snooze", map[string]string{"note": "after the weekend", "until": "3d"})
	if status != http.StatusConflict {
		t.Fatalf("%d\n%s", status, text)
	}
	contains(t, text, `role="alert"`, "Not taken: the last safe moment", `value="after the weekend"`)
	v = visit(t, serve(t, w, nil)) // nobody chosen
	if status, text = v.send("pay", "acknowledge", nil); status != http.StatusUnprocessableEntity || !strings.Contains(text, "Say first who you are") {
		t.Errorf("nobody: %d", status)
	}
	v.as("hana")
	if status, _ = v.send("pay", "acknowledge", map[string]string{"note": strings.Repeat("ㄱ", maxNote+1)}); status != http.StatusUnprocessableEntity {
		t.Errorf("a note of %d characters: %d", maxNote+1, status)
	}
}

func TestOfTwoWhoAnswerAtOnceTheSecondIsToldWhoWasFirst(t *testing.T) {
	w := populated()
	base := serve(t, w, nil)
	hana, jun := visit(t, base).as("hana"), visit(t, base).as("jun")
	_, before := jun.get("/c/pay")
	if status, _ := hana.send("pay", "acknowledge", nil); status != http.StatusOK {
		t.Fatal(status)
	}
	status, text := jun.sendFrom(before, "pay", "acknowledge", map[string]string{"note": "me too"})
	if status != http.StatusConflict || w.states["pay"].Alerts[0].Answer.By != "hana" {
		t.Fatalf("%d; %+v", status, w.states["pay"].Alerts[0].Answer)
	}
	contains(t, text, "hana was faster: answered by page, unverified at", `value="me too"`, "Take over")
	if status, _ = jun.sendFrom(text, "pay", "acknowledge", nil); status != http.StatusOK || w.states["pay"].Alerts[0].Answer.By != "jun" {
		t.Errorf("knowingly: %d", status)
	}
}

func TestAnAcknowledgementThatNoWorkerTakesIsLeftForOne(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a worker that is not there")
	}
	w := populated()
	v := visit(t, serve(t, w, nil)).as("hana")
	w.hang = true
	status, text := v.send("pay", "acknowledge", map[string]string{"note": "later"})
	if status != http.StatusOK || len(w.left) != 1 || w.left[0].By != "hana" || w.left[0].Note != "later" {
		t.Fatalf("%d; left %+v", status, w.left)
	}
	contains(t, text, "Left for the worker")
}

func TestWhatStrangersWriteStaysText(t *testing.T) {
	w := populated()
	evil := `"><script>alert(1)</script>` + "\u202e\x1b[31m" + `<img src=x onerror=alert(2)>`
	s := w.states["vpn"]
	s.Spec.Owner, s.Spec.Team, s.Spec.Environment, s.Spec.CA = evil, evil, evil, evil
	s.Live.Issuer, s.Live.KeyAlgorithm, s.Live.Serial = evil, evil, evil
	s.Sight.Observations[0].Problems, s.Sight.Observations[0].Endpoint.Host = []string{evil}, evil
	s.Alerts[0].Cause, s.Alerts[0].Failed, s.Alerts[0].ID = evil, []string{evil}, evil
	s.Alerts[0].Answer = &alert.Answer{By: evil, Via: evil, Note: evil, At: w.now()}
	w.states["vpn"] = s
	w.record("vpn", cert.Entry{At: w.now(), Kind: evil, Text: evil, By: evil, Via: evil, Note: evil})
	w.record("vpn", cert.Entry{At: w.now(), Kind: "outcome", Text: evil, Details: map[string]string{"cause": evil}})
	base := serve(t, w, nil)
	for _, path := range []string{"/", "/c/vpn", "/?q=" + "%22%3E%3Cscript%3E", "/?owner=%22%3E%3Cscript%3E", "/c/vpn?said=%3Cscript%3E", "/c/%3Cscript%3E", "/sign-in?back=%22%3E%3Cscript%3E"} {
		_, text := visit(t, base).get(path)
		text = regexp.MustCompile(` value="[^"]*"`).ReplaceAllString(text, "") // what a form sends back is not shown
		for _, bad := range []string{"<script>alert", "<img", "\u202e", "\x1b", `"><script>`} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
	}
}

func TestACertificateThatIsNotThereOrDoesNotAnswerShowsItsRecord(t *testing.T) {
	w := populated()
	base := serve(t, w, nil)
	w.record("old", cert.Entry{At: w.now(), Kind: "retired", Text: "the certificate is not guarded any more", By: "minji"})
	if status, text := visit(t, base).get("/c/old"); status != http.StatusNotFound || !strings.Contains(text, "not guarded any more") {
		t.Errorf("retired: %d", status)
	}
	w.down = fmt.Errorf("no worker")
	if status, text := visit(t, base).get("/c/pay"); status != http.StatusServiceUnavailable || !strings.Contains(text, "P1 expiring: telling owner") {
		t.Errorf("no answer: %d", status)
	}
	if status, text := visit(t, base).get("/"); status != http.StatusServiceUnavailable || !strings.Contains(text, "The engine cannot be asked: no worker") {
		t.Errorf("no index: %d", status)
	}
}

func TestAQuestionIsDecidedOnThePageByWhoMay(t *testing.T) {
	w := populated()
	s := w.states["pay"]
	s.Spec.Managed, s.Spec.Policy.Approval.Before = true, lifecycle.DoIssue
	s.Approval = &lifecycle.Approval{For: lifecycle.ForRenewal, Requester: "hana", AskedAt: w.now().Add(-time.Hour)}
	s.Alerts = append(s.Alerts, lifecycle.Alert{ID: "pay/none/approval-needed", Reason: alert.ApprovalNeeded, Severity: alert.P2, Status: lifecycle.Firing, FiredAt: w.now(), Round: 1, Plan: lifecycle.EscalateApproval})
	w.states["pay"] = s
	base := serve(t, w, nil)
	hana, jun := visit(t, base).as("hana"), visit(t, base).as("jun")
	if status, text := hana.send("pay", "approve", map[string]string{"note": "mine"}); status != http.StatusConflict || !strings.Contains(text, "hana may not decide on pay") {
		t.Errorf("without a role: %d", status)
	}
	if status, text := jun.send("pay", "deny", nil); status != http.StatusUnprocessableEntity || !strings.Contains(text, "Why is it denied?") {
		t.Errorf("without a reason: %d", status)
	}
	if status, text := jun.send("pay", "deny", map[string]string{"note": "not today"}); status != http.StatusOK || !strings.Contains(text, "Noted: it is denied") || !strings.Contains(text, "jun denied it at") {
		t.Errorf("%d\n%s", status, text)
	}
	if status, _ := jun.send("pay", "approve", map[string]string{"note": "after all"}); status != http.StatusOK || w.states["pay"].Approval.Granted.IsZero() {
		t.Errorf("%d %+v", status, w.states["pay"].Approval)
	}
}
