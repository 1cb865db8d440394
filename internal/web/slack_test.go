package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/people"
)

// desk takes answers as a workflow would: once per ID.
type desk struct {
	mu        sync.Mutex
	answers   []Answer // every delivery
	signals   []Answer
	counted   map[string]bool
	err       error // what Answer returns
	signalErr error
	hang      bool // no worker: Answer waits until its time is over
}

func (d *desk) Answer(ctx context.Context, a Answer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hang {
		<-ctx.Done()
		return fault.New(fault.Transient, "update: %w", ctx.Err())
	}
	d.answers = append(d.answers, a)
	if d.err == nil {
		d.counted[a.ID] = true
	}
	return d.err
}

func (d *desk) Signal(_ context.Context, a Answer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signals = append(d.signals, a)
	return d.signalErr
}

// bench is a handler with a Slack that holds one message with buttons.
type bench struct {
	*desk
	clicks  *SlackClicks
	forms   *paper
	slack   *notifytest.SlackServer
	url     string
	message notifytest.SlackMessage
}

// ofCertificate are the answers to alerts about certificates; a handover has its own.
var ofCertificate = slices.DeleteFunc(slices.Clone(alert.Actions), func(a alert.Action) bool {
	return a == alert.ActAccept || a == alert.ActDecline || a == alert.ActMore || a == alert.ActAckAll
})

func newBench(t *testing.T) *bench {
	t.Helper()
	s, err := notifytest.NewSlackServer("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.AddChannel("C0TEAM", true)
	channel, err := notify.NewSlack(notify.SlackOptions{Token: notify.Secret(s.Token), SigningSecret: notify.Secret(s.SigningSecret), APIURL: s.APIURL()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := channel.Send(t.Context(), notifytest.Message(asking(), notify.KindSlack, "C0TEAM", "ko"), false); err != nil {
		t.Fatal(err)
	}
	d := &desk{counted: map[string]bool{}}
	directory := people.Directory{People: []people.Person{{ID: "minji", Name: "Kim Minji", Slack: "U0MINJI", Language: "ko", TimeZone: "Asia/Seoul"}}}
	f := &paper{Slack: channel, form: sampleForm(), owners: []Receiver{{"minji", "Kim Minji"}, {"hana", "Lee Hana"}}, teams: []Receiver{{"web", "Web"}}}
	h, err := SlackHandler(SlackConfig{SigningSecret: s.SigningSecret, Answers: d, Person: directory.BySlack, Forms: f, All: d, APIURL: s.APIURL()})
	if err != nil {
		t.Fatal(err)
	}
	h.(*slackHandler).acceptance = 30 * time.Millisecond
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return &bench{desk: d, clicks: h.(*slackHandler).SlackClicks, forms: f, slack: s, url: web.URL + SlackPath, message: s.Messages()[0]}
}

// click presses a button and gives the status and the body.
func (b *bench) click(t *testing.T, action alert.Action, user string, options ...notifytest.ClickOption) (int, string) {
	t.Helper()
	resp, err := b.slack.Click(t.Context(), b.url, b.message, action, user, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// told waits for what the person who clicked was told.
func (b *bench) told(t *testing.T) notifytest.SlackAnswer {
	t.Helper()
	answer, err := b.slack.NextAnswer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAClickReachesTheWorkflowWithItsAuthor(t *testing.T) {
	b := newBench(t)
	at := "1795000000.000100"
	for _, action := range ofCertificate {
		if status, body := b.click(t, action, "U0MINJI", notifytest.WithActionTS(at)); status != http.StatusOK || body != "" {
			t.Fatalf("%s: %d %s", action, status, body)
		}
	}
	n := notifytest.Sample()
	for i, a := range b.answers {
		if a.Action != ofCertificate[i] || a.Certificate != "shop" || a.AlertID != n.AlertID || a.Person.ID != "minji" || a.Standing != n.Standing || a.SlackUser != "U0MINJI" || a.Via != "slack" {
			t.Errorf("%+v", a)
		}
		if want := time.Unix(1795000000, 100_000).UTC().Add(24 * time.Hour); a.Action == alert.ActSnooze && !a.Until.Equal(want) {
			t.Errorf("snoozed until %v, want %v", a.Until, want)
		} else if a.Action != alert.ActSnooze && !a.Until.IsZero() {
			t.Errorf("%s until %v", a.Action, a.Until)
		}
	}
	if len(b.slack.Answers()) != 0 {
		t.Errorf("told %v, although the message shows it", b.slack.Answers())
	}
}

func TestOneClickDeliveredThreeTimesHasOneID(t *testing.T) {
	b := newBench(t)
	for n := range 3 {
		b.click(t, alert.ActAcknowledge, "U0MINJI", notifytest.WithActionTS("1795000000.000100"), notifytest.Redelivered(n))
	}
	if len(b.answers) != 3 || len(b.counted) != 1 {
		t.Errorf("%d deliveries, %d IDs", len(b.answers), len(b.counted))
	}
	b.click(t, alert.ActAcknowledge, "U0MINJI", notifytest.WithActionTS("1795000000.000101"))
	b.click(t, alert.ActAcknowledge, "U0OTHER", notifytest.WithActionTS("1795000000.000100"))
	if len(b.counted) != 3 {
		t.Errorf("%d IDs for three clicks", len(b.counted))
	}
}

func TestAForgedClickIsRefused(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	for name, o := range map[string]notifytest.ClickOption{
		"unsigned": notifytest.Unsigned(), "another secret": notifytest.SignedWith("another"), "the empty secret": notifytest.SignedWith(""),
		"too old": notifytest.SignedAt(now.Add(-6 * time.Minute)), "from the future": notifytest.SignedAt(now.Add(6 * time.Minute)),
	} {
		if status, _ := b.click(t, alert.ActAcknowledge, "U0MINJI", o); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := b.click(t, alert.ActAcknowledge, "U0MINJI", notifytest.SignedAt(now.Add(-4*time.Minute))); status != http.StatusOK {
		t.Errorf("four minutes old: %d", status)
	}
	if len(b.answers) != 1 {
		t.Errorf("%d answers", len(b.answers))
	}
}

func TestWhatIsNoClickOfOursIsRefused(t *testing.T) {
	b := newBench(t)
	for name, o := range map[string]notifytest.ClickOption{
		"another certificate's alert": notifytest.WithValue(`{"certificate":"shop","alertID":"other/none/expiring"}`),
		"a path for a certificate":    notifytest.WithValue(`{"certificate":"../x","alertID":"../x/y"}`),
		"no reference":                notifytest.WithValue("shop"),
		"no time":                     notifytest.WithActionTS(""),
		"a time that is none":         notifytest.WithActionTS("soon"),
	} {
		if status, _ := b.click(t, alert.ActAcknowledge, "U0MINJI", o); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	good := notifytest.WithValue(`{"certificate":"shop","alertID":"shop/none/expiring"}`)
	if status, _ := b.click(t, "revoke", "U0MINJI", good); status != http.StatusBadRequest {
		t.Errorf("unknown action: %d", status)
	}
	if status, _ := b.click(t, alert.ActAcknowledge, "", good); status != http.StatusBadRequest {
		t.Errorf("nobody: %d", status)
	}
	if len(b.answers) != 0 {
		t.Errorf("%d answers", len(b.answers))
	}
}

// signed posts a raw body, signed as Slack does.
func (b *bench) signed(t *testing.T, method, to, body string, more http.Header) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	at := notifytest.Timestamp(time.Now())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Request-Timestamp", at)
	req.Header.Set("X-Slack-Signature", notifytest.Sign(b.slack.SigningSecret, at, body))
	for k, v := range more {
		req.Header[k] = append(req.Header[k], v...)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestOddRequestsDoNoHarm(t *testing.T) {
	b := newBench(t)
	for name, tc := range map[string]struct {
		method, query, body string
		header              http.Header
		want                int
	}{
		"GET":                  {"GET", "", "", nil, http.StatusMethodNotAllowed},
		"too large":            {"POST", "", strings.Repeat("x", maxBody+1), nil, http.StatusRequestEntityTooLarge},
		"empty":                {"POST", "", "", nil, http.StatusBadRequest},
		"no JSON":              {"POST", "", "payload=x", nil, http.StatusBadRequest},
		"no actions":           {"POST", "", `payload={"type":"block_actions","actions":[]}`, nil, http.StatusBadRequest},
		"action without block": {"POST", "", `payload={"type":"block_actions","actions":[{"action_id":"acknowledge"}]}`, nil, http.StatusBadRequest},
		"another kind":         {"POST", "", `payload={"type":"view_submission"}`, nil, http.StatusBadRequest},
		"payload in the query": {"POST", `?payload={"type":"block_actions"}`, "", nil, http.StatusBadRequest},
		"a second signature":   {"POST", "", "payload=x", http.Header{"X-Slack-Signature": {"v0=00"}}, http.StatusUnauthorized},
		"a second time":        {"POST", "", "payload=x", http.Header{"X-Slack-Request-Timestamp": {"1"}}, http.StatusUnauthorized},
	} {
		if got := b.signed(t, tc.method, b.url+tc.query, tc.body, tc.header); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	if len(b.answers) != 0 {
		t.Errorf("%d answers", len(b.answers))
	}
}

func TestARefusalIsToldToThePersonAlone(t *testing.T) {
	b := newBench(t)
	for _, kind := range []fault.Kind{fault.Invalid, fault.Conflict, fault.NotFound} {
		b.err = fault.New(kind, "no alert is firing <!channel>")
		if status, _ := b.click(t, alert.ActAcknowledge, "U0MINJI"); status != http.StatusOK {
			t.Errorf("%s: %d", kind, status)
		}
		got := b.told(t)
		if got.Type != "ephemeral" || got.User != "U0MINJI" || got.Text != "처리하지 못했습니다: no alert is firing &lt;!channel&gt;" {
			t.Errorf("%s: told %+v", kind, got)
		}
	}
	if len(b.signals) != 0 {
		t.Errorf("a refused acknowledgement was left as a signal: %v", b.signals)
	}
}

func TestWithoutAWorkerAnAcknowledgementIsLeftAsASignal(t *testing.T) {
	b := newBench(t)
	b.hang = true
	if status, _ := b.click(t, alert.ActAcknowledge, "U0MINJI", notifytest.WithActionTS("1795000000.000100")); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if len(b.signals) != 1 || b.signals[0].ID != clickID(b.slack.Team, "U0MINJI", "1795000000.000100") {
		t.Errorf("signals %+v", b.signals)
	}
	if got := b.told(t); !strings.HasPrefix(got.Text, "접수했습니다") {
		t.Errorf("told %+v", got)
	}
}

func TestWithoutAWorkerOtherActionsAreNotLeft(t *testing.T) {
	b := newBench(t)
	b.hang = true
	for _, action := range []alert.Action{alert.ActSnooze, alert.ActRenew, alert.ActCheck} {
		if status, _ := b.click(t, action, "U0MINJI"); status != http.StatusOK {
			t.Errorf("%s: %d", action, status)
		}
		if got := b.told(t); !strings.HasPrefix(got.Text, "제시간에 응답한 워커가 없습니다") {
			t.Errorf("%s: told %+v", action, got)
		}
	}
	if len(b.signals) != 0 {
		t.Errorf("signals %v", b.signals)
	}
}

func TestWhenTemporalIsOutOfReachSlackShowsIt(t *testing.T) {
	b := newBench(t)
	b.err, b.signalErr = errors.New("connection refused"), errors.New("connection refused")
	for _, action := range ofCertificate {
		if status, body := b.click(t, action, "U0MINJI"); status != http.StatusInternalServerError || body != "" {
			t.Errorf("%s: %d %q", action, status, body)
		}
	}
}

func TestWhoMayNotIsToldWhoMay(t *testing.T) {
	b := newBench(t)
	b.err = people.Forbidden{Who: "x", Asked: people.Asked{Verb: people.Acknowledge, Certificate: "shop"}, May: []string{"jun", "hana"}}
	for user, want := range map[string]string{
		"U0GUEST": "U0GUEST is not in Neverlapse's directory. Who may: jun, hana.",
		"U0MINJI": "U0MINJI 님은 이 인증서에 응답할 권한이 없습니다. 응답할 수 있는 사람: jun, hana.",
	} {
		for _, action := range ofCertificate {
			if status, _ := b.click(t, action, user); status != http.StatusOK {
				t.Errorf("%s: %d", action, status)
			}
			if got := b.told(t); got.User != user || !strings.Contains(got.Text, want) {
				t.Errorf("%s: told %+v", action, got)
			}
		}
	}
	if len(b.signals) != 0 || len(b.counted) != 0 {
		t.Errorf("it was left as a signal, or counted: %+v", b.signals)
	}
	if a := b.answers[0]; a.Person.ID != "minji" && (a.Person.ID != "slack:U0GUEST" || a.Person.Name != "slack:U0GUEST (not in the directory)") {
		t.Errorf("%+v", a)
	}
}

func TestAWordGoesToSlackOnly(t *testing.T) {
	h := &SlackClicks{SlackConfig: SlackConfig{APIURL: "http://127.0.0.1:9000/api/"}}
	for to, want := range map[string]bool{
		"https://hooks.slack.com/actions/T0/1/x": true, "https://hooks.slack-gov.com/actions/x": true, "http://127.0.0.1:9000/respond/U1": true,
		"http://hooks.slack.com/actions/x": false, "https://slack.com.example.org/x": false, "https://evilslack.com/x": false,
		"http://127.0.0.1:9001/": false, "http://169.254.169.254/latest": false, "file:///etc/passwd": false, "": false,
	} {
		if err := h.answerable(to); (err == nil) != want {
			t.Errorf("%q: %v", to, err)
		}
	}
}

func TestAForeignResponseURLIsNotCalled(t *testing.T) {
	called := false
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer foreign.Close()
	h := &SlackClicks{SlackConfig: SlackConfig{Client: http.DefaultClient}}
	if err := h.tell(t.Context(), foreign.URL+"/secret", ephemeral("word")); err == nil || called || strings.Contains(err.Error(), "secret") {
		t.Errorf("called %v, error %v", called, err)
	}
}

func TestWithoutASecretThereIsNoHandler(t *testing.T) {
	d := &desk{}
	nobody := func(string) (people.Person, bool) { return people.Person{}, false }
	for name, c := range map[string]SlackConfig{
		"no secret": {Answers: d, Person: nobody}, "no answers": {SigningSecret: "s", Person: nobody}, "no directory": {SigningSecret: "s", Answers: d},
	} {
		if h, err := SlackHandler(c); err == nil || h != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// asking is a notice that carries every button there is.
func asking() alert.Notice {
	n := notifytest.Sample()
	n.Reason = alert.ApprovalNeeded
	return n
}
