package page

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// alertView is an open alert and what the reader can do about it.
type alertView struct {
	ID       string // of the alert
	Anchor   string // of the page
	Severity alert.Severity
	Quiet    bool
	Headline string
	Advice   string
	Since    time.Time
	Who      string
	Note     string
	Told     string
	Cause    []string
	Lost     []string
	Next     *due

	Seen      string // standing, as the reader sees it
	RequestID string
	Typed     typed
	Verb      string // of the button
	Decides   bool   // people may approve or deny here
	Lasts     []choice
	Quiets    []choice
}

// typed is what the reader had written when it was not taken.
type typed struct{ Note, For, Until, Custom string }

// choice is one option of a list.
type choice struct{ Value, Word string }

// checkForm asks for a look.
type checkForm struct{ ID string }

func newID() string { return "page-" + rand.Text() }

func alertOf(r reader, s workflows.Status, a lifecycle.Alert) alertView {
	text := rendered(r, s.State, a)
	v := alertView{
		ID: a.ID, Anchor: "alert-" + string(a.Reason) + "-" + a.Version.Short(), Severity: a.Severity, Quiet: quiet(a), Headline: text.Headline, Advice: text.Advice,
		Since: a.FiredAt, Cause: text.Cause.Items, Lost: a.Failed, Seen: a.Standing(), RequestID: newID(), Verb: r.T("ack.button"),
		Lasts: lasts(r), Quiets: quiets(r),
	}
	v.Decides = a.Reason == alert.ApprovalNeeded
	v.Who, _ = whoHas(r, a)
	if a.Answer != nil {
		v.Note = a.Answer.Note
	}
	if a.Status == lifecycle.Acknowledged {
		v.Verb = r.T("ack.take")
	}
	var told []string
	for _, x := range a.Receipts {
		told = append(told, r.T("alert.told.by", "who", alert.Clean(x.To), "kind", alert.Clean(x.Kind)))
	}
	v.Told = strings.Join(told, ", ")
	for _, e := range s.Upcoming {
		if e.Alert == a.ID && v.Next == nil {
			v.Next = &due{At: e.At, What: event(r, e, s)}
		}
	}
	return v
}

func lasts(r reader) []choice {
	out := []choice{{"", r.T("ack.most")}, {"1h", r.T("ack.hours.one")}}
	for _, h := range []int{4, 12} {
		out = append(out, choice{strconv.Itoa(h) + "h", r.T("ack.hours", "n", strconv.Itoa(h))})
	}
	return out
}

// snoozes are the ends that can be chosen, from now.
var snoozes = map[string]func(now time.Time) time.Time{
	"4h": func(now time.Time) time.Time { return now.Add(4 * time.Hour) },
	"1d": func(now time.Time) time.Time {
		t := now.AddDate(0, 0, 1)
		return time.Date(t.Year(), t.Month(), t.Day(), 9, 0, 0, 0, t.Location())
	},
	"3d": func(now time.Time) time.Time { return now.AddDate(0, 0, 3) },
	"7d": func(now time.Time) time.Time { return now.AddDate(0, 0, 7) },
}

func quiets(r reader) []choice {
	var out []choice
	for _, key := range []string{"4h", "1d", "3d", "7d"} {
		out = append(out, choice{key, r.T("snooze."+key, "time", snoozes[key](r.Now.In(r.Zone)).Format("15:04"))})
	}
	return out
}

// Decisions are the buttons of a question, by verb.
func (r reader) Decisions() map[string]string {
	return map[string]string{"approve": r.T("decide.approve"), "deny": r.T("decide.deny")}
}

// NewID is of one form.
func (certificate) NewID() string { return newID() }
