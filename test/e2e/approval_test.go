package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const askingPolicy = `
  - name: asking
    approval: {before: deploy, by: [owner, manager, on-call], count: 2}`

// TestWhatIsIssuedIsServedWhenOthersThanTheRequesterApprove takes a renewal
// through approval before deployment: the first run ends with a candidate, the
// certificate waits over a restart, the second run deploys that very candidate.
func TestWhatIsIssuedIsServedWhenOthersThanTheRequesterApprove(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: askingPolicy, Nginx: sites(site(t, "pay.shop.test", 90*24*time.Hour))})
	before := w.served(0)
	w.manage("pay", 0, "--policy", "asking")
	w.until("pay", "the first look", func(s workflows.Status) bool { return s.State.Live.Fingerprint == before })
	w.cli(0, "renew", "pay", "--as", "hana", "--note", "the key is old")
	s := w.until("pay", "a candidate, and people to be asked", func(s workflows.Status) bool {
		a := open(s, "approval-needed")
		return s.State.Renewal.Candidate.Fingerprint != "" && a != nil && len(a.Receipts) > 0 && len(s.State.Flights) == 0
	})
	candidate := s.State.Renewal.Candidate.Fingerprint
	if got := w.served(0); got != before || w.CA.Issued() != 1 {
		t.Fatalf("nginx serves %s before anybody approved, %d certificates are issued", got, w.CA.Issued())
	}
	w.Worker.Stop()
	w.start()

	for who, want := range map[string]string{
		"hana":     "hana asked for it, and somebody else has to approve it: who fills a role of owner, manager, on-call",
		"somebody": "somebody may not decide on pay; who fills a role of owner, manager, on-call may",
	} {
		if out := w.cli(4, "approve", "pay", "--as", who); !strings.Contains(out, want) {
			t.Errorf("%s: %s", who, out)
		}
	}
	if out := w.cli(0, "approve", "pay", "--as", "minji", "--note", "names checked"); !strings.Contains(out, "has 1 of 2 approvals") {
		t.Errorf("the owner: %s", out)
	}
	w.eventually("the on-call engineer to be asked", func() bool { return w.asked(harness.OnCallSlack) != nil })
	question := *w.asked(harness.OnCallSlack)
	if text := question.Reading(); !strings.Contains(text, candidate.Short()) || !strings.Contains(text, "hana") {
		t.Errorf("the question does not say what is asked by whom:\n%s", text)
	}
	if got := w.click(question, alert.ActApprove, harness.ManagerSlack); got != http.StatusOK {
		t.Fatalf("the click of who asked was answered by %d", got)
	}
	if word := w.word(); !strings.Contains(word.Text, "hana") {
		t.Errorf("who asked is told %q", word.Text)
	}
	if got := w.served(0); got != before {
		t.Fatalf("nginx serves %s with one approval of two", got)
	}
	if got := w.click(question, alert.ActApprove, harness.OnCallSlack); got != http.StatusOK {
		t.Fatalf("the click was answered by %d", got)
	}
	w.until("pay", "the candidate to be live", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint == candidate && open(s, "approval-needed") == nil && s.Unread == 0
	})
	if got := w.served(0); got != candidate {
		t.Errorf("nginx serves %s, approved was %s", got, candidate)
	}
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates were issued, want 1", n)
	}
	history := w.cli(0, "history", "pay")
	for _, want := range []string{"waits for approval by owner and manager and on-call", "names checked", "jun", "hana", "is kept and not deployed yet"} {
		if !strings.Contains(history, want) {
			t.Errorf("history does not tell %q:\n%s", want, history)
		}
	}
	w.eventually("the question to say that it is decided", func() bool {
		return len(w.slackTo(harness.OnCallSlack)) > 0 && !slices.Contains(w.slackTo(harness.OnCallSlack)[0].Buttons(), "approve")
	})
}

// asked finds the question that somebody was sent.
func (w *world) asked(user string) *notifytest.SlackMessage {
	for _, m := range w.slackTo(user) {
		if slices.Contains(m.Buttons(), "approve") {
			return &m
		}
	}
	return nil
}
