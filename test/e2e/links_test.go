package e2e

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

var answerLinks = regexp.MustCompile(`http://localhost:\d+/answer/[A-Za-z0-9._-]+`)

// request gives the status and the body of what a link leads to.
func (w *world) request(method, link string, form url.Values) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, link, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// linked starts a worker whose messages have links by which one answers.
func (w *world) linked() {
	w.t.Helper()
	text, err := os.ReadFile(w.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	_, port, _ := strings.Cut(w.HTTP, ":")
	open := strings.Replace(string(text), "http: {listen:", "http: {url: \"http://localhost:"+port+"\", listen:", 1)
	if err := os.WriteFile(w.Config, []byte(open), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// linksTo gives the links of the latest mail to somebody about a reason, once there is one.
func (w *world) linksTo(address string, about alert.Reason) []string {
	w.t.Helper()
	var links []string
	w.eventually("a mail to "+address+" about "+string(about), func() bool {
		for _, m := range w.mailsTo(address, "") {
			if m.Header.Get("X-Neverlapse-Reason") == string(about) {
				links = answerLinks.FindAllString(m.Text, -1)
			}
		}
		return len(links) > 0
	})
	return links
}

// What waits for people is decided by the links of two mails: a candidate is
// deployed when who did not ask approves it, and what somebody leaves behind
// goes to who accepts it.
func TestApprovalsAndHandoversAreDecidedByLinksInMails(t *testing.T) {
	t.Parallel()
	const policy = `
  - name: asking
    approval: {before: deploy, by: [manager, owner]}
    escalations:
      - {name: approval, steps: [{notify: [manager, owner], reach: wide}]}`
	w := prepare(t, harness.Options{Policies: policy, Nginx: sites(site(t, "pay.shop.test", 90*24*time.Hour))})
	w.linked()
	before := w.served(0)
	w.manage("pay", 0, "--policy", "asking")
	w.until("pay", "the first look", func(s workflows.Status) bool { return s.State.Live.Fingerprint == before })
	w.cli(0, "renew", "pay", "--as", "minji", "--note", "the key is old")
	links := w.linksTo("hana@example.com", alert.ApprovalNeeded)
	own := w.linksTo("minji@example.com", alert.ApprovalNeeded)
	candidate := w.until("pay", "a candidate", func(s workflows.Status) bool { return s.State.Renewal.Candidate.Fingerprint != "" }).State.Renewal.Candidate.Fingerprint
	if len(links) != 4 || len(own) != 3 { // who asked may only take it back
		t.Fatalf("%d links to the manager, %d to who asked", len(links), len(own))
	}
	for range 2 {
		if status, text := w.request(http.MethodGet, links[0], nil); status != http.StatusOK || !strings.Contains(text, candidate.Short()) || !strings.Contains(text, "minji") {
			t.Fatalf("%d\n%s", status, text)
		}
	}
	if got := w.served(0); got != before {
		t.Fatalf("nginx serves %s, and links were only opened", got)
	}
	if status, text := w.request(http.MethodPost, links[0], url.Values{"note": {"names checked"}}); status != http.StatusOK {
		t.Fatalf("%d\n%s", status, text)
	}
	w.until("pay", "the candidate to be live", func(s workflows.Status) bool { return s.State.Live.Fingerprint == candidate && s.Unread == 0 })
	if got := w.served(0); got != candidate {
		t.Errorf("nginx serves %s, approved was %s", got, candidate)
	}
	if status, text := w.request(http.MethodPost, links[1], url.Values{"note": {"no"}}); status < 400 || !strings.Contains(text, "hana") {
		t.Errorf("denied after all: %d\n%s", status, text)
	}
	if got := w.journal("pay", "approved"); len(got) != 1 || got[0].By != "hana" || got[0].Via != "email link" || got[0].Note != "names checked" {
		t.Errorf("on record: %+v", got)
	}

	w.cli(0, "handover", "minji", "--to", "hana", "--as", "jun")
	links = w.linksTo("hana@example.com", alert.Handover)
	if len(links) != 2 {
		t.Fatalf("%d links", len(links))
	}
	if status, text := w.request(http.MethodGet, links[0], nil); status != http.StatusOK || !strings.Contains(text, "pay") {
		t.Fatalf("%d\n%s", status, text)
	}
	if status, text := w.request(http.MethodPost, links[0], nil); status != http.StatusOK {
		t.Fatalf("%d\n%s", status, text)
	}
	w.until("pay", "hana to own it", func(s workflows.Status) bool { return s.State.Spec.Owner == "hana" })
	for _, l := range links {
		if status, text := w.request(http.MethodPost, l, nil); status != http.StatusConflict || !strings.Contains(text, "yours already") {
			t.Errorf("answered again: %d\n%s", status, text)
		}
	}
}

func TestAnAlertIsAnsweredByALinkInAMailThatAsksFirst(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Policies: strings.Replace(stepsPolicy, "{notify: [owner], reach: direct}", "{notify: [owner], reach: wide}", 1), Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.linked()
	w.watch("shop", 0, "--policy", "steps")
	w.eventually("a mail to the owner", func() bool { return len(w.mailsTo("minji@example.com", "")) > 0 })
	mail := w.mailsTo("minji@example.com", "")[0]
	links := answerLinks.FindAllString(mail.Text, -1)
	if len(links) != 4 { // nothing is renewed here
		t.Fatalf("%d links in:\n%s", len(links), mail.Text)
	}
	for _, l := range links {
		if !strings.Contains(mail.HTML, `href="`+l+`"`) {
			t.Errorf("the HTML has no %s", l)
		}
		for range 2 { // whatever reads mail before people do
			if status, text := w.request(http.MethodGet, l, nil); status != http.StatusOK || !strings.Contains(text, "Minji Kim") {
				t.Fatalf("%d\n%s", status, text)
			}
		}
	}
	w.settled("shop", alert.Expiring, "nobody to have answered", func(a lifecycle.Alert) bool { return a.Answer == nil })
	for _, forged := range []string{links[0] + "A", strings.Replace(links[0], "/answer/", "/answer/x", 1), links[0][:len(links[0])-4]} {
		if status, _ := w.request(http.MethodPost, forged, nil); status != http.StatusNotFound {
			t.Errorf("forged: %d", status)
		}
	}
	if status, text := w.request(http.MethodPost, links[0], url.Values{"note": {"on it"}}); status != http.StatusOK {
		t.Fatalf("%d\n%s", status, text)
	}
	w.settled("shop", alert.Expiring, "the owner to have it", func(a lifecycle.Alert) bool {
		return a.Status == lifecycle.Acknowledged && a.Answer.By == "minji" && a.Answer.Via == "email link" && a.Answer.Note == "on it"
	})
	for _, l := range links { // the same one, and those of the same standing
		if status, text := w.request(http.MethodPost, l, url.Values{"until": {"4h"}, "owner": {"hana"}}); status != http.StatusConflict || !strings.Contains(text, "minji") || !strings.Contains(text, "email link") {
			t.Errorf("answered again: %d\n%s", status, text)
		}
	}
	if got := w.journal("shop", "acknowledged"); len(got) != 1 || got[0].By != "minji" || got[0].Note != "on it" {
		t.Errorf("on record: %+v", got)
	}
	ctx, cancel := w.patience()
	defer cancel()
	delivered, events := 0, w.client.GetWorkflowHistory(ctx, workflows.WorkflowID("shop"), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		data := string(unfolded(t, e))
		if strings.Contains(data, "minji@example.com") {
			delivered++
		}
		if _, ticket, _ := strings.Cut(links[0], "/answer/"); strings.Contains(data, "/answer/") || strings.Contains(data, ticket) {
			t.Errorf("the history holds a link: %s", e.GetEventType())
		}
	}
	if delivered == 0 {
		t.Error("the history knows nothing of the mail")
	}
}

func TestACertificateIsGivenToSomebodyElseByALinkInAMail(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Policies: strings.Replace(stepsPolicy, "{notify: [owner], reach: direct}", "{notify: [owner], reach: wide}", 1), Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.linked()
	w.watch("shop", 0, "--policy", "steps")
	give := ""
	for _, l := range w.linksTo("minji@example.com", alert.Expiring) {
		if _, text := w.request(http.MethodGet, l, nil); strings.Contains(text, `name="owner"`) && strings.Contains(text, `<option value="hana">`) {
			give = l
		}
	}
	if status, _ := w.request(http.MethodPost, give, url.Values{"owner": {"nobody"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("given to nobody: %d", status)
	}
	if status, text := w.request(http.MethodPost, give, url.Values{"owner": {"hana"}, "note": {"hers since May"}}); status != http.StatusOK {
		t.Fatalf("%d\n%s", status, text)
	}
	w.until("shop", "hana to own it", func(s workflows.Status) bool { return s.State.Spec.Owner == "hana" })
	w.linksTo("hana@example.com", alert.Expiring) // she is told of what is open
	if got := w.journal("shop", "reassigned"); len(got) != 1 || got[0].By != "minji" || got[0].Via != "email link" || got[0].Note != "hers since May" {
		t.Errorf("on record: %+v", got)
	}
}
