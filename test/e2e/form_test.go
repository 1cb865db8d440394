package e2e

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// form presses "More…" and gives the form; on a machine so slow that Slack
// would not open it any more, once more.
func (w *world) form(m notifytest.SlackMessage, user string) notifytest.SlackView {
	w.t.Helper()
	var v notifytest.SlackView
	w.eventually("a form for "+user, func() bool {
		before := len(w.Slack.Views())
		if got := w.clickAt(w.SlackURL(), m, alert.ActMore, user); got != http.StatusOK {
			w.t.Fatalf("the click was answered by %d", got)
		}
		all := w.Slack.Views()
		if len(all) == before {
			return false
		}
		v = all[len(all)-1]
		return v.User == user
	})
	return v
}

// submit sends a form; on a machine so slow that Slack would not wait, once more,
// as people are told.
func (w *world) submit(v notifytest.SlackView, f notifytest.Fields) (out notifytest.SlackSubmitted) {
	w.t.Helper()
	w.eventually("the form to be answered in time", func() bool {
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
		defer cancel()
		var err error
		if out, err = w.Slack.Submit(ctx, w.SlackURL(), v, f); err != nil {
			w.t.Fatal(err)
		}
		return !strings.Contains(out.Says, "press again")
	})
	return out
}

func TestAFormInSlackSnoozesUntilADateAndGivesACertificateToOthers(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	a, message := fired(t, w)
	owners, managers := w.form(message, harness.OwnerSlack), w.form(message, harness.ManagerSlack)
	if said := owners.Reading(); !strings.Contains(said, "shop") || !slices.Equal(owners.Options["what"], []string{"acknowledge", "snooze", "take-over", "reassign"}) {
		t.Fatalf("%v\n%s", owners.Options, said)
	}
	late := w.submit(owners, notifytest.Fields{"what": "snooze", "until": time.Now().Add(10 * time.Hour)})
	if late.Closed || !strings.Contains(late.Errors["until"], "UTC") {
		t.Fatalf("past the last safe moment: %+v", late)
	}
	until := time.Now().Add(20 * time.Minute).Truncate(time.Minute)
	if got := w.submit(owners, notifytest.Fields{"what": "snooze", "until": until, "note": "after the fair"}); !got.Closed {
		t.Fatalf("%+v", got)
	}
	a = w.settled("shop", alert.Expiring, "the snooze", func(a lifecycle.Alert) bool { return !a.SnoozedUntil.IsZero() })
	if !a.SnoozedUntil.Equal(until) || a.Answer.By != "minji" || a.Answer.Via != "slack" || a.Answer.Note != "after the fair" {
		t.Errorf("%+v", a.Answer)
	}
	give := notifytest.Fields{"what": "reassign", "owner": "hana", "note": "moves to payments"}
	if got := w.submit(managers, give); !strings.Contains(got.Says, "minji was first") {
		t.Errorf("of two the second is told %+v", got)
	}
	shown := w.slackTo(harness.OwnerSlack)[0]
	w.eventually("the message to show the note", func() bool {
		shown = w.slackTo(harness.OwnerSlack)[0]
		return strings.Contains(shown.Reading(), "after the fair")
	})
	if got := w.submit(w.form(shown, harness.ManagerSlack), give); !got.Closed {
		t.Fatalf("%+v", got)
	}
	w.eventually("the new owner to be told", func() bool { return len(w.slackTo(harness.ManagerSlack)) > 0 })
	w.written("shop")
	if history := w.cli(0, "history", "shop"); !strings.Contains(history, "after the fair") || !strings.Contains(history, "moves to payments") {
		t.Errorf("%s", history)
	}
	if got := w.clickAt(w.SlackURL(), shown, alert.ActMore, "U000STRANGER"); got != http.StatusOK || !strings.Contains(w.word().Text, "directory") {
		t.Errorf("a stranger: %d", got)
	}
}
