package notify_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// triggered presses a button and gives the trigger of the click.
func triggered(t *testing.T, s *notifytest.SlackServer) string {
	t.Helper()
	payload, err := s.Interaction(posted(t, s), alert.ActMore, minji)
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Trigger string `json:"trigger_id"`
	}
	if err := json.Unmarshal(payload, &in); err != nil || in.Trigger == "" {
		t.Fatalf("%v in %s", err, payload)
	}
	return in.Trigger
}

func plainView() slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: slack.NewTextBlockObject("plain_text", "Answer", false, false), Submit: slack.NewTextBlockObject("plain_text", "Answer", false, false),
		CallbackID: "neverlapse-answer", Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewInputBlock("note", slack.NewTextBlockObject("plain_text", "Note", false, false), nil, slack.NewPlainTextInputBlockElement(nil, "note")),
		}},
	}
}

func TestAFormIsOpenedOnceByATriggerThatIsFresh(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	c := slackChannel(t, s)
	trigger := triggered(t, s)
	if err := c.OpenView(t.Context(), trigger, plainView()); err != nil || len(s.Views()) != 1 || s.Views()[0].User != minji {
		t.Fatalf("%v, %+v", err, s.Views())
	}
	for name, x := range map[string]struct{ trigger, want string }{
		"used":    {trigger, "exchanged_trigger_id"},
		"foreign": {"1.abc", "invalid_trigger_id"},
		"none":    {"", "no trigger_id"},
	} {
		if err := c.OpenView(t.Context(), x.trigger, plainView()); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	old := triggered(t, s)
	s.AgeTriggers(3 * time.Second)
	if err := c.OpenView(t.Context(), old, plainView()); err == nil || !strings.Contains(err.Error(), "expired_trigger_id") || len(s.Views()) != 1 {
		t.Errorf("old: %v", err)
	}
	s.RevokeToken()
	if err := c.OpenView(t.Context(), old, plainView()); err == nil || !strings.Contains(err.Error(), "token_revoked") {
		t.Errorf("revoked: %v", err)
	}
}

func input(element string) string {
	return `{"type":"input","block_id":"b","label":` + plain(2) + `,"element":` + element + `}`
}

func view(title, blocks, more string) string {
	return `{"type":"modal","title":` + title + `,"submit":` + plain(24) + `,"blocks":[` + blocks + `]` + more + `}`
}

func picks(count, text, value int) string {
	var all []string
	for i := range count {
		all = append(all, `{"text":`+plain(text)+`,"value":"`+strings.Repeat("v", value-3)+string(rune('a'+i/26%26))+string(rune('a'+i%26))+string(rune('a'+i/676))+`"}`)
	}
	return input(`{"type":"static_select","action_id":"a","options":[` + strings.Join(all, ",") + `]}`)
}

// TestTheStandInRefusesViewsThatSlackRefuses has, for each limit of
// docs.slack.dev on modal views, what just fits and what does not.
func TestTheStandInRefusesViewsThatSlackRefuses(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	dividers := func(n int) string { return strings.TrimSuffix(strings.Repeat(`{"type":"divider"},`, n), ",") }
	typed := input(`{"type":"plain_text_input","action_id":"a"}`)
	for name, x := range map[string]struct{ fits, not string }{
		"100 blocks":                     {view(plain(24), dividers(100), ""), view(plain(24), dividers(101), "")},
		"a block":                        {view(plain(24), dividers(1), ""), view(plain(24), "", "")},
		"24 characters of title":         {view(plain(24), typed, ""), view(plain(25), typed, "")},
		"a plain title":                  {view(plain(9), typed, ""), view(mrkdwn(9), typed, "")},
		"3000 characters of metadata":    {view(plain(9), typed, `,"private_metadata":"`+of(3000)+`"`), view(plain(9), typed, `,"private_metadata":"`+of(3001)+`"`)},
		"255 characters of callback ID":  {view(plain(9), typed, `,"callback_id":"`+of(255)+`"`), view(plain(9), typed, `,"callback_id":"`+of(256)+`"`)},
		"submit where there is an input": {`{"type":"modal","title":` + plain(9) + `,"blocks":[` + dividers(1) + `]}`, `{"type":"modal","title":` + plain(9) + `,"blocks":[` + typed + `]}`},
		"100 options":                    {view(plain(9), picks(100, 9, 9), ""), view(plain(9), picks(101, 9, 9), "")},
		"75 characters of option":        {view(plain(9), picks(2, 75, 9), ""), view(plain(9), picks(2, 76, 9), "")},
		"150 characters of value":        {view(plain(9), picks(2, 9, 150), ""), view(plain(9), picks(2, 9, 151), "")},
		"a known element":                {view(plain(9), input(`{"type":"datetimepicker","action_id":"a"}`), ""), view(plain(9), input(`{"type":"calendar","action_id":"a"}`), "")},
		"250 KB":                         {view(plain(9), typed, ""), view(plain(9), typed, `,"x":"`+strings.Repeat("x", 250<<10)+`"`)},
	} {
		if word, why := slackSays(t, s, "views.open", url.Values{"trigger_id": {triggered(t, s)}, "view": {x.fits}}); word != "" {
			t.Errorf("%s: %s %s", name, word, why)
		}
		if word, _ := slackSays(t, s, "views.open", url.Values{"trigger_id": {triggered(t, s)}, "view": {x.not}}); word != "invalid_arguments" && word != "view_too_large" {
			t.Errorf("more than %s: %q", name, word)
		}
	}
	for _, missing := range []url.Values{{"view": {view(plain(9), typed, "")}}, {"trigger_id": {triggered(t, s)}}} {
		missing.Set("view", missing.Get("view"))
		if word, _ := slackSays(t, s, "views.open", missing); word != "invalid_arguments" && word != "invalid_json" {
			t.Errorf("%v: %q", missing, word)
		}
	}
}

func TestWhatAFormIsAnsweredGoesBackWithTheAcknowledgement(t *testing.T) {
	t.Parallel()
	s := slackServer(t)
	var reply []byte
	socket, err := notify.NewSlackSocket(socketOptions(s), func(context.Context, []byte) (bool, []byte, func(context.Context)) { return true, reply, nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); socket.Run(ctx) }()
	defer func() { stop(); <-done }()
	if err := slackChannel(t, s).OpenView(t.Context(), triggered(t, s), plainView()); err != nil {
		t.Fatal(err)
	}
	v := s.Views()[0]
	if got, err := s.PressSubmit(t.Context(), v, notifytest.Fields{"note": "x"}); err != nil || !got.Closed || got.Status != http.StatusOK {
		t.Errorf("%+v %v", got, err)
	}
	reply = []byte(`{"response_action":"errors","errors":{"note":"too short"}}`)
	if got, err := s.PressSubmit(t.Context(), v, notifytest.Fields{"note": "x"}); err != nil || got.Closed || got.Errors["note"] != "too short" {
		t.Errorf("%+v %v", got, err)
	}
}
