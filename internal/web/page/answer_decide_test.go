package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// deciders is a directory in which jun is the manager of minji and hana.
var deciders = people.Directory{
	People:   directory.People,
	Teams:    []people.Team{{ID: "platform", Members: []string{"minji", "hana"}, Manager: "jun"}},
	CatchAll: "platform",
}

// asks has people approve a candidate of api that hana asked for.
func asks(w *world, count int) *world {
	s := w.states["api"]
	s.Spec.Policy.Approval = lifecycle.ApprovalPolicy{Before: lifecycle.DoDeploy, By: []people.Role{people.Manager, people.TeamAll}, Count: count}
	s.Renewal.Candidate = cert.Version{Fingerprint: "c0ffee00c0ffee00", NotAfter: w.now().Add(89 * oneDay)}
	s.Approval = &lifecycle.Approval{For: lifecycle.ForRenewal, Version: "c0ffee00c0ffee00", Requester: "hana", AskedAt: w.now().Add(-time.Hour)}
	s.Alerts = append(s.Alerts, lifecycle.Alert{ID: "api/none/approval-needed", Reason: alert.ApprovalNeeded, Severity: alert.P2, Status: lifecycle.Firing, FiredAt: w.now(), Round: 1, Plan: lifecycle.EscalateApproval})
	w.states["api"] = s
	return w
}

// decision is the link by which somebody decides on api.
func (w *world) decision(t *testing.T, to string, action alert.Action) string {
	t.Helper()
	return w.link(t, "api", to, action, func(x *alert.Ticket) { x.Standing = w.states["api"].Approval.Standing() })
}

func withDeciders(t *testing.T, w *world) *visitor {
	t.Helper()
	v := visit(t, serve(t, w, func(c *Config) {
		c.Listen, c.Directory = "0.0.0.0:8080", func() people.Directory { return deciders }
		c.Ticket = func(text string) (alert.Ticket, error) { return alert.ReadTicket(linkKey, text, w.now()) }
	}))
	v.http.Jar = nil
	return v
}

func TestALinkShowsWhatIsApprovedAndOnlyItsPostDecides(t *testing.T) {
	w := asks(populated(), 1)
	v := withDeciders(t, w)
	approve, deny, late := w.decision(t, "jun", alert.ActApprove), w.decision(t, "jun", alert.ActDeny), w.decision(t, "minji", alert.ActApprove)
	decideBy := ""
	for _, e := range lifecycle.Upcoming(w.now(), w.states["api"]) {
		if e.Reason == lifecycle.UntilPolicyDecides {
			decideBy = e.At.UTC().Format("2006-01-02 15:04")
		}
	}
	for range 3 {
		status, text := v.get(approve)
		if status != http.StatusOK || decideBy == "" {
			t.Fatalf("%d %q", status, decideBy)
		}
		contains(t, text, "that c0ffee00c0ff, issued and valid until", "Asked for by", "hana", "if nobody decides, the policy approves it by itself at "+decideBy, "You answer as Jun Park", "Approve it")
	}
	if q := w.states["api"].Approval; len(q.Votes) != 0 || q.Denied != nil {
		t.Fatalf("looking decided: %+v", q)
	}
	_, text := v.get(deny)
	form := v.form(text, deny)
	if status, text := v.post(deny, form); status != http.StatusUnprocessableEntity || !strings.Contains(text, "Why is it denied?") || !strings.Contains(text, "required") {
		t.Errorf("without a reason: %d", status)
	}
	_, text = v.get(approve)
	form = v.form(text, approve)
	form.Set("note", "names checked")
	if status, text := v.post(approve, form); status != http.StatusOK || !strings.Contains(text, "Noted: you approved it.") {
		t.Fatalf("%d\n%s", status, text)
	}
	q := w.states["api"].Approval
	if len(q.Votes) != 1 || q.Votes[0].By != "jun" || q.Votes[0].Via != "email link" || q.Votes[0].Note != "names checked" || q.Granted.IsZero() {
		t.Fatalf("%+v", q)
	}
	for _, link := range []string{approve, deny, late} { // used, and late
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			resp, text := v.do(method, link, url.Values{"note": {"again"}}, nil)
			if resp.StatusCode != http.StatusConflict || !strings.Contains(text, "jun approved it at") || strings.Contains(text, "<form") {
				t.Errorf("%s: %d\n%s", method, resp.StatusCode, text)
			}
		}
	}
}

func TestALinkDecidesForNobodyWhoMayNot(t *testing.T) {
	w := asks(populated(), 2)
	v := withDeciders(t, w)
	for who, want := range map[string]string{"hana": "somebody else has to approve it", "stranger": "Only who fills one of these roles for the certificate may decide: manager, team"} {
		link := w.decision(t, who, alert.ActApprove)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if resp, text := v.do(method, link, url.Values{}, nil); resp.StatusCode != http.StatusForbidden || !strings.Contains(text, want) {
				t.Errorf("%s by %s: %d\n%s", method, who, resp.StatusCode, text)
			}
		}
	}
	first, second := w.decision(t, "jun", alert.ActApprove), w.decision(t, "minji", alert.ActApprove)
	if status, _ := v.post(first, nil); status != http.StatusOK {
		t.Fatalf("the first of two: %d", status)
	}
	if status, text := v.post(first, nil); status != http.StatusConflict || !strings.Contains(text, "1 of 2 approvals are there") {
		t.Errorf("twice by one: %d\n%s", status, text)
	}
	if q := w.states["api"].Approval; len(q.Votes) != 1 || !q.Granted.IsZero() {
		t.Errorf("%+v", q)
	}
	if status, text := v.get(second); status != http.StatusOK || !strings.Contains(text, "1 of 2 approvals are there") {
		t.Errorf("the second: %d", status)
	}
}

func TestADenialSinceTheLinkWasOpenedIsSeenBeforeItIsOverruled(t *testing.T) {
	w := asks(populated(), 1)
	v := withDeciders(t, w)
	approve := w.decision(t, "minji", alert.ActApprove)
	s := w.states["api"]
	s.Acknowledge(w.now(), lifecycle.Answered{By: "jun", Via: "slack"}) // who has it decides nothing
	w.states["api"] = s
	_, text := v.get(approve)
	form := v.form(text, approve)
	if status, _ := v.post(w.decision(t, "jun", alert.ActDeny), url.Values{"note": {"the <shop> moves"}}); status != http.StatusOK {
		t.Fatalf("deny: %d", status)
	}
	if status, text := v.post(approve, form); status != http.StatusConflict || !strings.Contains(text, "jun denied it at") || w.states["api"].Approval.Denied == nil {
		t.Errorf("unseen: %d\n%s", status, text)
	}
	_, text = v.get(approve)
	contains(t, text, "Denied before", "jun: the &lt;shop&gt; moves")
	if status, _ := v.post(approve, v.form(text, approve)); status != http.StatusOK || w.states["api"].Approval.Granted.IsZero() {
		t.Errorf("knowingly: %d", status)
	}
	other := w.decision(t, "minji", alert.ActApprove)
	s = w.states["api"]
	s.Approval = &lifecycle.Approval{For: lifecycle.ForRenewal, Version: "facade00", AskedAt: w.now()}
	w.states["api"] = s
	if status, text := v.post(other, nil); status != http.StatusConflict || !strings.Contains(text, "something else waits for approval") {
		t.Errorf("about another candidate: %d\n%s", status, text)
	}
	s.Approval, s.Alerts[0].Status, s.Alerts[0].ResolvedAt, s.Alerts[0].Evidence = nil, lifecycle.Resolved, w.now(), "approved by jun"
	w.states["api"] = s
	if status, text := v.get(other); status != http.StatusGone || !strings.Contains(text, "approved by jun") {
		t.Errorf("over: %d\n%s", status, text)
	}
}
