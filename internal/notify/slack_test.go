package notify_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// inTeam addresses a notice to Minji in the team's channel.
func inTeam(n alert.Notice) alert.Message {
	m := notifytest.Message(n, notify.KindSlack, team, "en")
	m.To.Address[notify.KindSlack] = minji
	return m
}

func only(t *testing.T, s *notifytest.SlackServer) notifytest.SlackMessage {
	t.Helper()
	all := s.Messages()
	if len(all) != 1 {
		t.Fatalf("%d messages, want 1", len(all))
	}
	return all[0]
}

func TestAnUrgentNoticeInATeamsChannelMentionsThePerson(t *testing.T) {
	for severity, want := range map[alert.Severity]bool{alert.P1: true, alert.P2: true, alert.P3: false, alert.P4: false} {
		s := slackServer(t)
		n := notifytest.Sample()
		n.Severity = severity
		if _, err := slackChannel(t, s).Send(t.Context(), inTeam(n), false); err != nil {
			t.Fatal(err)
		}
		m := only(t, s)
		if got := strings.Contains(m.Reading(), "<@"+minji+">"); got != want || strings.HasPrefix(m.Text, "<@"+minji+">") != want {
			t.Errorf("%s: mentioned %v, want %v; preview %q", severity, got, want, m.Text)
		}
	}
}

func TestTheButtonsCarryWhichAlertIsMeant(t *testing.T) {
	s := slackServer(t)
	n := notifytest.Sample()
	n.AlertID = n.Certificate + `/<!channel>"\` + strings.Repeat("x", 300)
	if _, err := slackChannel(t, s).Send(t.Context(), inTeam(n), false); err != nil {
		t.Fatal(err)
	}
	m := only(t, s)
	if want := []string{"acknowledge", "snooze", "take-over", "renew-now", "observe-now", "more"}; !slices.Equal(m.Buttons(), want) {
		t.Errorf("buttons %v", m.Buttons())
	}
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	value, err := alert.Ref{Certificate: n.Certificate, AlertID: n.AlertID, Standing: n.Standing}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), string(quoted)) {
		t.Errorf("no button carries %s in %s", quoted, raw)
	}
	if ref, err := alert.ParseRef(value); err != nil || ref.AlertID != n.AlertID || ref.Standing != n.Standing {
		t.Errorf("it comes back as %+v, %v", ref, err)
	}
}

func TestAMessageOfTheLargestNoticeStaysWithinSlacksLimits(t *testing.T) {
	s := slackServer(t)
	n := notifytest.Sample()
	long := strings.Repeat("긴 이름 𝕏 ", 400)
	n.Cause = strings.Repeat(long+"\n", 60)
	n.Owner, n.Team, n.Environment, n.Version.Issuer, n.Evidence = long, long, long, long, long
	for i := range 200 {
		n.Names = append(n.Names, fmt.Sprintf("%d.%s", i, long))
		n.Places = append(n.Places, alert.Place{Where: fmt.Sprintf("%d %s", i, long), Err: long})
		n.Tried = append(n.Tried, alert.Try{At: n.At, Outcome: long, Cause: long})
		n.Commands = append(n.Commands, long)
	}
	n.Answer = &alert.Answer{By: long, Via: long, At: n.At, Note: long}
	if _, err := slackChannel(t, s).Send(t.Context(), inTeam(n), false); err != nil {
		t.Fatal(err)
	}
	only(t, s)
}

func TestARaisedAlertIsShownOutsideItsThread(t *testing.T) {
	s := slackServer(t)
	c := slackChannel(t, s)
	first, err := c.Send(t.Context(), inTeam(notifytest.Sample()), false)
	if err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct {
		phase     alert.Phase
		severity  alert.Severity
		step      int
		reach     alert.Reach
		broadcast bool
	}{
		{alert.Firing, alert.P2, 0, alert.Direct, true},
		{alert.Firing, alert.P2, 1, alert.Direct, false},
		{alert.Firing, alert.P1, 2, alert.PageAll, true},
		{alert.Firing, alert.P3, 0, alert.Quiet, false},
		{alert.Changed, alert.P1, 0, alert.Direct, false},
	} {
		n := notifytest.Sample()
		n.Key, n.Phase, n.Severity, n.Step, n.Reach = fmt.Sprint("again", i), tc.phase, tc.severity, tc.step, tc.reach
		m := inTeam(n)
		m.InReplyTo = &first
		if _, err := c.Send(t.Context(), m, false); err != nil {
			t.Fatal(err)
		}
		all := s.Messages()
		if got := all[len(all)-1]; got.Thread != first.ID || got.Broadcast != tc.broadcast {
			t.Errorf("%+v: thread %q, broadcast %v", tc, got.Thread, got.Broadcast)
		}
	}
}

func TestAFollowUpOutlivesItsThread(t *testing.T) {
	s := slackServer(t)
	c := slackChannel(t, s)
	m := inTeam(notifytest.Sample())
	m.InReplyTo = &alert.Receipt{Kind: notify.KindSlack, Address: team, ID: "1.000001", Thread: "1.000001"} // deleted since
	r, err := c.Send(t.Context(), m, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := only(t, s); got.Thread != "" || r.Thread != got.TS {
		t.Errorf("message %+v, receipt %+v", got, r)
	}
}

func TestAResolvedMessageLosesItsButtonsAndTheThreadIsToldOnce(t *testing.T) {
	s := slackServer(t)
	c := slackChannel(t, s)
	r, err := c.Send(t.Context(), inTeam(notifytest.Sample()), false)
	if err != nil {
		t.Fatal(err)
	}
	n := notifytest.Sample()
	n.Phase, n.Key = alert.Acknowledged, "ack"
	n.Answer = &alert.Answer{By: "minji", Via: "slack", At: n.At, Until: n.At.Add(24 * time.Hour), Note: "looking"}
	if err := c.Update(t.Context(), r, inTeam(n)); err != nil {
		t.Fatal(err)
	}
	if m := only(t, s); m.Updates != 1 || !strings.Contains(m.Reading(), "Acknowledged by minji") ||
		!strings.Contains(m.Reading(), "quiet until 2026-11-26 10:30 KST") || slices.Contains(m.Buttons(), "acknowledge") {
		t.Errorf("acknowledged: %v\n%s", m.Buttons(), m.Reading())
	}
	n.Phase, n.Key, n.Evidence = alert.Resolved, "end", "every endpoint serves the new version"
	for range 2 {
		if err := c.Update(t.Context(), r, inTeam(n)); err != nil {
			t.Fatal(err)
		}
	}
	all := s.Messages()
	if len(all) != 2 || len(all[0].Buttons()) != 0 || all[1].Thread != r.ID || all[1].Broadcast {
		t.Fatalf("resolved: %+v", all)
	}
	for _, m := range all {
		if !strings.Contains(m.Reading(), n.Evidence) {
			t.Errorf("no evidence in\n%s", m.Reading())
		}
	}
}

func TestAnAppThatMayNotReadHistorySendsRatherThanNothing(t *testing.T) {
	s := slackServer(t)
	s.DropScope("channels:history")
	if _, err := slackChannel(t, s).Send(t.Context(), inTeam(notifytest.Sample()), true); err != nil {
		t.Fatal(err)
	}
	only(t, s)
}

func TestALookupReadsFurtherPages(t *testing.T) {
	s := slackServer(t)
	c := slackChannel(t, s)
	first, err := c.Send(t.Context(), inTeam(notifytest.Sample()), false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		n := notifytest.Sample()
		n.Key = fmt.Sprint("other", i)
		if _, err := c.Send(t.Context(), inTeam(n), false); err != nil {
			t.Fatal(err)
		}
	}
	again, err := c.Send(t.Context(), inTeam(notifytest.Sample()), true)
	if err != nil || again.ID != first.ID {
		t.Errorf("%+v, %v; want %s", again, err, first.ID)
	}
	if n := s.Calls("conversations.history"); n != 2 {
		t.Errorf("%d pages read, want 2", n)
	}
}

func TestARefusalSaysHowToMendIt(t *testing.T) {
	s := slackServer(t)
	s.AddChannel("C0PRIVATE", false)
	c := slackChannel(t, s)
	for address, want := range map[string]string{
		"C0PRIVATE": "invite the app", "C0NOWHERE": "check the channel ID", "U0NOBODY": "check the user ID", "#general": "copy the ID", "": "copy the ID",
	} {
		m := inTeam(notifytest.Sample())
		m.Address = address
		_, err := c.Send(t.Context(), m, false)
		if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), want) {
			t.Errorf("to %q: %s %v, want %q", address, fault.KindOf(err), err, want)
		}
	}
	s.RevokeToken()
	if _, err := c.Send(t.Context(), inTeam(notifytest.Sample()), false); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "reinstall the app") {
		t.Error(err)
	}
}

func TestWhatCannotBeReachedIsNamedByItsServerOnly(t *testing.T) {
	s := slackServer(t)
	s.SetMode(notifytest.SlackDown)
	_, err := slackChannel(t, s).Send(t.Context(), inTeam(notifytest.Sample()), false)
	server := strings.TrimSuffix(s.APIURL(), "/api/")
	if err == nil || !strings.Contains(err.Error(), server+" cannot be reached") || strings.Contains(err.Error(), "/api") {
		t.Error(err)
	}
}

func TestSlackOptionsAreRefusedWithTheirNames(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := notify.SlackOptions{APIURL: "slack", Timeout: -1}.Validate()
	for _, want := range []string{"token or token_file", `api_url "slack"`, "timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if _, err := notify.NewSlack(notify.SlackOptions{Token: "xoxb-t", SigningSecretFile: empty}); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty signing secret: %v", err)
	}
	if err := (notify.SlackOptions{Token: "t", TokenFile: "f", SigningSecret: "s"}).Validate(); err == nil {
		t.Error("token twice")
	}
	o := notify.SlackOptions{Token: "xoxb-hide-me", SigningSecret: "hide-me-too"}
	shown, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if all := fmt.Sprintf("%v %+v %#v %s", o, o, o, shown); strings.Contains(all, "hide-me") {
		t.Errorf("printing shows a secret: %s", all)
	}
}

func TestTheGuaranteesNameEveryKind(t *testing.T) {
	var kinds []string
	for _, g := range notify.All {
		kinds = append(kinds, g.Kind)
		if g.Deduplicates == "" || g.Interrupts != (g.Interruption != "") || (g.Kind != notify.KindConsole && !g.ReachesOne && !g.ReachesGroup) {
			t.Errorf("%+v", g)
		}
	}
	if want := []string{notify.KindSlack, notify.KindEmail, notify.KindTeams, notify.KindSMS, notify.KindPagerDuty, notify.KindAlertmanager, notify.KindWebhook, notify.KindShoutrrr, notify.KindConsole}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v", kinds)
	}
}
