package app

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestLinksAnswerInTheNameOfWhomTheyAreSentTo(t *testing.T) {
	d := people.Directory{
		People: []people.Person{{ID: "minji", Channels: []string{"mine", "shared"}}, {ID: "hana", Channels: []string{"shared"}}},
		Teams:  []people.Team{{ID: "web", Channels: []string{"shared"}}}, CatchAll: "web",
	}
	x := tickets{key: func() ([]byte, error) { return []byte("key"), nil }, base: "https://neverlapse.example.com/n", directory: func() people.Directory { return d }, now: time.Now}
	asking := func(n *alert.Notice) {
		n.Reason, n.Question = alert.ApprovalNeeded, &alert.Question{Requester: "hana", Standing: "17/0"}
		n.Actions = []alert.Action{alert.ActAcknowledge, alert.ActSnooze, alert.ActApprove, alert.ActDeny}
	}
	leaving := func(n *alert.Notice) {
		n.Reason, n.Certificate, n.AlertID, n.Actions = alert.Handover, "jun", "jun/handover", []alert.Action{alert.ActAccept, alert.ActDecline}
	}
	proof := func(why alert.Reason) func(*alert.Notice) {
		return func(n *alert.Notice) {
			n.Reason, n.Certificate, n.AlertID, n.Actions = why, "mail", workflows.ChannelAlert("mail")+string(why), []alert.Action{alert.ActAcknowledge}
		}
	}
	all := "acknowledge snooze take-over reassign renew-now"
	for name, tc := range map[string]struct {
		kind, channel, to string
		change            func(*alert.Notice)
		want, holder      string
	}{
		"mail to a person":                         {kind: "email", to: "minji", want: all, holder: "minji"},
		"mail to a team":                           {kind: "email", to: "web", want: "acknowledge snooze renew-now", holder: "team:web"},
		"mail to nobody of the directory":          {kind: "email", to: "gone"},
		"a card that one person reads":             {kind: "teams", channel: "mine", to: "minji", want: all, holder: "minji"},
		"a card to a person where others read":     {kind: "teams", channel: "shared", to: "minji"},
		"a card to a team":                         {kind: "teams", channel: "shared", to: "web", want: "acknowledge snooze renew-now", holder: "team:web"},
		"Slack has buttons of its own":             {kind: "slack", to: "minji"},
		"about what nobody can answer":             {kind: "email", to: "minji", change: func(n *alert.Notice) { n.Actions = nil }},
		"a test":                                   {kind: "email", to: "minji", change: func(n *alert.Notice) { n.Test = true }},
		"what is over":                             {kind: "email", to: "minji", change: func(n *alert.Notice) { n.Phase = alert.Resolved }},
		"what is watched is not renewed by hand":   {kind: "email", to: "minji", change: func(n *alert.Notice) { n.Actions = []alert.Action{alert.ActSnooze} }, want: "snooze take-over reassign", holder: "minji"},
		"who may approve":                          {kind: "email", to: "minji", change: asking, want: "approve deny acknowledge snooze", holder: "minji"},
		"a card to who may approve":                {kind: "teams", channel: "mine", to: "minji", change: asking, want: "approve deny acknowledge snooze", holder: "minji"},
		"who asked takes it back":                  {kind: "email", to: "hana", change: asking, want: "deny acknowledge snooze", holder: "hana"},
		"who is asked to take what another leaves": {kind: "email", to: "minji", change: leaving, want: "accept decline", holder: "minji"},
		"a team takes nothing":                     {kind: "email", to: "web", change: leaving},
		"a proof of life":                          {kind: "email", to: "minji", change: proof(alert.ProofOfLife), want: "acknowledge", holder: "minji"},
		"trouble of a channel":                     {kind: "email", to: "minji", change: proof(alert.ChannelFailing)},
		"a team approves nothing":                  {kind: "email", to: "web", change: asking, want: "acknowledge snooze", holder: "team:web"},
	} {
		m := notifytest.Message(notifytest.Sample(), tc.kind, "x", "ko")
		m.To.ID, m.Channel = tc.to, tc.channel
		if tc.change != nil {
			tc.change(&m.Notice)
		}
		var got []string
		for _, l := range x.Links(m) {
			text, ok := strings.CutPrefix(l.URL, "https://neverlapse.example.com/n/answer/")
			ticket, err := x.Read(text)
			if u, bad := url.Parse(l.URL); !ok || err != nil || bad != nil || u.RawQuery != "" || ticket.To != tc.holder || ticket.Action != l.Action || ticket.AlertID != m.Notice.AlertID || ticket.Standing != goodFor(l.Action, m.Notice) || ticket.Language != "ko" {
				t.Errorf("%s: %s: %+v %v", name, l.URL, ticket, err)
			}
			got = append(got, string(l.Action))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %v, want %s", name, got, tc.want)
		}
	}
}

func TestWithoutAnAddressThatOthersReachThereAreNoLinks(t *testing.T) {
	for address, want := range map[string]bool{"http://127.0.0.1:8080": false, "https://neverlapse.example.com": true, "http://10.0.0.7:8080": true} {
		c := config.Default()
		if c.HTTP.URL = address; c.HTTP.Public() != want {
			t.Errorf("%s: %v", address, c.HTTP.Public())
		}
	}
	if got, err := newTickets(t.Context(), config.Default(), nil, nil); got != nil || err != nil {
		t.Errorf("%v %v", got, err)
	}
}
