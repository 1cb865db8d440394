package web

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// probe posts the message of a check beside the bench's own.
func (b *bench) probe(t *testing.T) (*notify.Slack, notify.SlackProbe) {
	t.Helper()
	c, err := notify.NewSlack(notify.SlackOptions{Token: notify.Secret(b.slack.Token), SigningSecret: notify.Secret(b.slack.SigningSecret), APIURL: b.slack.APIURL()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Probe(t.Context(), "C0TEAM", "ko")
	if err != nil {
		t.Fatal(err)
	}
	b.message = b.slack.Messages()[1]
	return c, p
}

func TestAClickOnACheckIsShownInItsMessageAndIsNoAnswer(t *testing.T) {
	for user, want := range map[string]string{"U0MINJI": "minji 님이 버튼을 눌렀으며", "U0GUEST": "U0GUEST 님은 Neverlapse 디렉터리에 등록되어 있지 않습니다"} {
		b := newBench(t)
		c, p := b.probe(t)
		if status, _ := b.click(t, alert.ProbeAction, user); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		err := b.slack.Wait(t.Context(), func(m []notifytest.SlackMessage) bool { return m[1].Updates > 0 })
		if err != nil {
			t.Fatal(err)
		}
		if m := b.slack.Messages()[1]; len(m.Buttons()) != 0 || !strings.Contains(m.Reading(), want) {
			t.Errorf("%v\n%s", m.Buttons(), m.Reading())
		}
		if got, err := c.Probed(t.Context(), p); got != user || err != nil {
			t.Errorf("pressed by %q, %v; want %s", got, err, user)
		}
		if len(b.answers) != 0 || len(b.slack.Answers()) != 0 {
			t.Errorf("answers %v, words %v", b.answers, b.slack.Answers())
		}
	}
}

func TestWhateverWayAClickComesItIsTheSameAnswer(t *testing.T) {
	b := newBench(t)
	at := notifytest.WithActionTS("1795000000.000100")
	b.click(t, alert.ActAcknowledge, "U0MINJI", at)
	h, err := NewSlackClicks(SlackConfig{Answers: b.desk, Person: b.clicks.Person, APIURL: b.slack.APIURL()})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := b.slack.Interaction(b.message, alert.ActAcknowledge, "U0MINJI", at)
	if err != nil {
		t.Fatal(err)
	}
	if taken, _, after := h.Take(t.Context(), payload); !taken || after != nil {
		t.Errorf("taken %v, and more to do: %v", taken, after != nil)
	}
	if len(b.answers) != 2 || !reflect.DeepEqual(b.answers[0], b.answers[1]) {
		t.Errorf("%+v", b.answers)
	}
	for _, broken := range []string{"", "x", `{"type":"view_submission"}`, `{"type":"block_actions","actions":[]}`} {
		if taken, _, after := h.Take(t.Context(), []byte(broken)); taken || after != nil {
			t.Errorf("%q was taken", broken)
		}
	}
	if len(b.answers) != 2 {
		t.Errorf("%+v", b.answers)
	}
}
