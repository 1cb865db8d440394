package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/people"
)

// paper gives forms and opens them in Slack.
type paper struct {
	*notify.Slack
	form          Form
	err           error
	asked         []Answer
	owners, teams []Receiver
}

func (p *paper) Form(_ context.Context, a Answer) (Form, error) {
	p.asked = append(p.asked, a)
	return p.form, p.err
}

func (p *paper) Open(ctx context.Context, trigger string, v slack.ModalViewRequest) error {
	return p.OpenView(ctx, trigger, v)
}

func (p *paper) Receivers() (owners, teams []Receiver) { return p.owners, p.teams }

var (
	lastSafe = time.Now().Add(72 * time.Hour).Truncate(time.Minute)
	byPolicy = time.Now().Add(24 * time.Hour).Truncate(time.Minute)
)

func sampleForm() Form {
	return Form{
		Subject: "[P2] shop", Actions: alert.FormActions, Standing: "1/P2/firing/0", SnoozeUntil: lastSafe, QuietUntil: byPolicy,
	}
}

// more presses "More…" and gives the form.
func (b *bench) more(t *testing.T) notifytest.SlackView {
	t.Helper()
	if status, body := b.click(t, alert.ActMore, "U0MINJI"); status != http.StatusOK || body != "" {
		t.Fatalf("%d %s", status, body)
	}
	if told := b.slack.Answers(); len(told) > 0 {
		t.Fatalf("%v", told)
	}
	v, err := b.slack.NextView(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (b *bench) submit(t *testing.T, v notifytest.SlackView, f notifytest.Fields) notifytest.SlackSubmitted {
	t.Helper()
	out, err := b.slack.Submit(t.Context(), b.url, v, f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAFormSaysWhatIsTheMatterAndWhatMayBeDone(t *testing.T) {
	b := newBench(t)
	v := b.more(t)
	said := v.Reading()
	for _, want := range []string{"[P2] shop", "무엇을 하시겠습니까?", "늦어도 " + alert.InZone(lastSafe, "Asia/Seoul"), alert.InZone(byPolicy, "Asia/Seoul"), "Lee Hana (hana)", "Web (web)", "메모"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if v.User != "U0MINJI" || len(v.Options[fieldWhat]) != len(alert.FormActions) || v.Title != "알림에 응답" {
		t.Errorf("%+v", v)
	}
	if a := b.forms.asked[0]; a.Certificate != "shop" || a.Person.ID != "minji" || a.Standing != notifytest.Sample().Standing {
		t.Errorf("asked for %+v", a)
	}
	b.forms.form.Actions, b.forms.form.SnoozeUntil = []alert.Action{alert.ActApprove, alert.ActDeny}, time.Time{}
	if v = b.more(t); !slices.Equal(v.Options[fieldWhat], []string{"approve", "deny"}) || len(v.Blocks) != 3 {
		t.Errorf("for an approval: %v\n%s", v.Options, v.Reading())
	}
}

func TestWhatIsFilledInReachesTheWorkflow(t *testing.T) {
	b := newBench(t)
	until := time.Now().Add(50 * time.Hour).Truncate(time.Minute)
	for i, x := range []struct {
		fields notifytest.Fields
		want   Answer
	}{
		{notifytest.Fields{"what": "snooze", "until": until, "note": " after the fair "}, Answer{Action: alert.ActSnooze, Until: until.UTC(), Note: "after the fair"}},
		{notifytest.Fields{"what": "snooze", "until": lastSafe, "for": "4h", "owner": "hana"}, Answer{Action: alert.ActSnooze, Until: lastSafe.UTC()}},
		{notifytest.Fields{"what": "acknowledge", "for": "4h", "note": "mine"}, Answer{Action: alert.ActAcknowledge, For: 4 * time.Hour, Note: "mine"}},
		{notifytest.Fields{"what": "acknowledge", "for": "most"}, Answer{Action: alert.ActAcknowledge}},
		{notifytest.Fields{"what": "take-over"}, Answer{Action: alert.ActTakeOver}},
		{notifytest.Fields{"what": "reassign", "owner": "hana", "team": "-"}, Answer{Action: alert.ActReassign, Owner: "hana"}},
		{notifytest.Fields{"what": "reassign", "team": "web"}, Answer{Action: alert.ActReassign, Team: "web"}},
		{notifytest.Fields{"what": "deny", "note": "not before Monday"}, Answer{Action: alert.ActDeny, Note: "not before Monday"}},
	} {
		v := b.more(t)
		if got := b.submit(t, v, x.fields); !got.Closed {
			t.Fatalf("%v: %+v", x.fields, got)
		}
		a := b.answers[i]
		if a.Action != x.want.Action || !a.Until.Equal(x.want.Until) || a.For != x.want.For || a.Note != x.want.Note || a.Owner != x.want.Owner || a.Team != x.want.Team {
			t.Errorf("%v became %+v", x.fields, a)
		}
		if a.Certificate != "shop" || a.AlertID != notifytest.Sample().AlertID || a.Standing != "1/P2/firing/0" || a.Person.ID != "minji" || a.Via != "slack" || a.ID == "" {
			t.Errorf("%+v", a)
		}
		if again := b.submit(t, v, x.fields); !again.Closed || b.answers[i].ID != b.answers[i+1].ID {
			t.Error("delivered again it is another answer")
		}
		b.answers = b.answers[:i+1]
	}
	if len(b.counted) != 8 {
		t.Errorf("%d IDs", len(b.counted))
	}
}

func TestWhatIsWrongInAFormIsShownAtTheField(t *testing.T) {
	b := newBench(t)
	v := b.more(t)
	for field, x := range map[string]struct {
		fields notifytest.Fields
		want   string
	}{
		"until":  {notifytest.Fields{"what": "snooze"}, "언제까지 미룰지"},
		"until ": {notifytest.Fields{"what": "snooze", "until": time.Now().Add(-time.Hour)}, "이미 지난"},
		"until.": {notifytest.Fields{"what": "snooze", "until": lastSafe.Add(time.Minute)}, "늦어도 " + alert.InZone(lastSafe, "Asia/Seoul")},
		"owner":  {notifytest.Fields{"what": "reassign", "owner": "-", "note": "x"}, "담당자나 팀"},
	} {
		got := b.submit(t, v, x.fields)
		if got.Closed || len(got.Errors) != 1 || !strings.Contains(got.Errors[strings.Trim(field, " .")], x.want) {
			t.Errorf("%v: %+v", x.fields, got)
		}
	}
	if len(b.answers) != 0 {
		t.Errorf("taken: %+v", b.answers)
	}
}

func TestInALargeDirectoryOneTypesToWhomAndIsToldWhoWasMeant(t *testing.T) {
	b := newBench(t)
	b.forms.owners = nil
	for i := range 150 {
		b.forms.owners = append(b.forms.owners, Receiver{fmt.Sprintf("dev%d", i), fmt.Sprintf("Developer %d", i)})
	}
	b.forms.owners = append(b.forms.owners, Receiver{"twin1", "Choi Jiwoo"}, Receiver{"twin2", "Choi Jiwoo"})
	v := b.more(t)
	if len(v.Options[fieldOwner]) != 0 || len(v.Options[fieldTeam]) != 2 || !strings.Contains(v.Reading(), "모두 152건") {
		t.Fatalf("%v\n%s", v.Options, v.Reading())
	}
	for typed, want := range map[string]string{"nobody": "없습니다.", "dev14": "", "developer 7": "", "Choi Jiwoo": "twin1, twin2", "loper 14": "dev14, dev140, dev141, dev142, dev143, …"} {
		got := b.submit(t, v, notifytest.Fields{"what": "reassign", "owner": typed})
		if got.Closed != (want == "") || want != "" && !strings.Contains(got.Errors["owner"], want) {
			t.Errorf("%s: %+v", typed, got)
		}
	}
	var to []string
	for _, a := range b.answers {
		to = append(to, a.Owner)
	}
	if slices.Sort(to); !slices.Equal(to, []string{"dev14", "dev7"}) {
		t.Errorf("given to %v", to)
	}
}

func TestWhoIsRefusedReadsWhyInPlaceOfTheForm(t *testing.T) {
	b := newBench(t)
	fields := notifytest.Fields{"what": "acknowledge"}
	v := b.more(t)
	for want, err := range map[string]error{
		"hana was first": fault.New(fault.Invalid, "hana was first"),
		"sre":            people.Forbidden{Who: "minji", May: []string{"sre"}},
	} {
		b.err = err
		if got := b.submit(t, v, fields); got.Closed || !strings.Contains(got.Says, want) || len(b.signals) != 0 {
			t.Errorf("%+v", got)
		}
	}
	b.err = fault.New(fault.Unavailable, "away")
	if got := b.submit(t, v, fields); !strings.Contains(got.Says, "접수했습니다") || len(b.signals) != 1 {
		t.Errorf("left as a signal: %+v", got)
	}
	if got := b.submit(t, v, notifytest.Fields{"what": "deny"}); got.Status != http.StatusInternalServerError {
		t.Errorf("Slack shows no failure: %+v", got)
	}
	b.hang = true
	if got := b.submit(t, v, notifytest.Fields{"what": "deny"}); !strings.Contains(got.Says, "제시간에") {
		t.Errorf("%+v", got)
	}
}

func TestWhoMayNotAnswerGetsNoForm(t *testing.T) {
	b := newBench(t)
	for want, err := range map[string]error{
		"hana was first": fault.New(fault.Invalid, "hana was first"),
		"sre":            people.Forbidden{Who: "minji", May: []string{"sre"}},
	} {
		b.forms.err = err
		if status, _ := b.click(t, alert.ActMore, "U0MINJI"); status != http.StatusOK {
			t.Error(status)
		}
		if told := b.told(t); !strings.Contains(told.Text, want) {
			t.Errorf("%+v", told)
		}
	}
	b.forms.err = fault.New(fault.Unavailable, "away")
	if status, _ := b.click(t, alert.ActMore, "U0MINJI"); status != http.StatusInternalServerError || len(b.slack.Views()) != 0 {
		t.Errorf("%d, %v", status, b.slack.Views())
	}
}

func TestAFormThatSlackDoesNotShowIsSaid(t *testing.T) {
	b := newBench(t)
	payload, err := b.slack.Interaction(b.message, alert.ActMore, "U0MINJI")
	if err != nil {
		t.Fatal(err)
	}
	b.slack.AgeTriggers(3 * time.Second)
	taken, reply, after := b.clicks.Take(t.Context(), payload)
	if !taken || reply != nil || after == nil {
		t.Fatalf("%v %s", taken, reply)
	}
	after(t.Context())
	if told := b.told(t); !strings.Contains(told.Text, "expired_trigger_id") {
		t.Errorf("%+v", told)
	}
}

func TestWhatIsNoFormOfOursIsRefused(t *testing.T) {
	b := newBench(t)
	v := b.more(t)
	for name, spoil := range map[string]func(*notifytest.SlackView){
		"another app's form":          func(v *notifytest.SlackView) { v.Callback = "other" },
		"another certificate's alert": func(v *notifytest.SlackView) { v.Metadata = `{"certificate":"shop","alertID":"other/x/expiring"}` },
		"nothing":                     func(v *notifytest.SlackView) { v.Metadata = "" },
		"no view":                     func(v *notifytest.SlackView) { v.ID = "" },
		"nobody":                      func(v *notifytest.SlackView) { v.User = "" },
	} {
		other := v
		spoil(&other)
		if got := b.submit(t, other, notifytest.Fields{"what": "acknowledge"}); got.Status != http.StatusBadRequest {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if out, err := b.slack.Submit(t.Context(), b.url, v, notifytest.Fields{"what": "acknowledge"}, notifytest.Unsigned()); err != nil || out.Status != http.StatusUnauthorized {
		t.Errorf("unsigned: %+v %v", out, err)
	}
	if len(b.answers) != 0 {
		t.Errorf("taken: %+v", b.answers)
	}
}
