package notify_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

func TestATokenSaysWhatItIsAndWhatItLacks(t *testing.T) {
	s := slackServer(t)
	id, err := slackChannel(t, s).Identify(t.Context())
	if err != nil || id.Workspace != "stand-in" || id.Bot != "neverlapse" || len(id.Missing()) != 0 {
		t.Errorf("%+v, %v", id, err)
	}
	s.SetScopes("chat:write", "im:write", "users:read")
	if id, err = slackChannel(t, s).Identify(t.Context()); err != nil || !slices.Equal(id.Missing(), []string{"channels:history", "groups:history", "im:history"}) {
		t.Errorf("%v, %v", id.Missing(), err)
	}
	if missing := (notify.SlackIdentity{}).Missing(); missing != nil { // Slack said nothing
		t.Errorf("%v", missing)
	}
}

func TestAProbeIsPostedByIDOrNameAndEnds(t *testing.T) {
	s := slackServer(t)
	s.NameChannel("#ops", team)
	c := slackChannel(t, s)
	for _, address := range []string{team, "#ops", minji} {
		p, err := c.Probe(t.Context(), address, "ko")
		if err != nil || !p.Buttons || p.ID == "" || address != minji && p.Channel != team {
			t.Fatalf("%s: %+v, %v", address, p, err)
		}
		all := s.Messages()
		m := all[len(all)-1]
		if !slices.Equal(m.Buttons(), []string{"slack-check"}) || !strings.Contains(m.Reading(), "눌러서 확인") {
			t.Errorf("%v\n%s", m.Buttons(), m.Reading())
		}
		if user, err := c.Probed(t.Context(), p); user != "" || err != nil {
			t.Errorf("pressed by %q, %v", user, err)
		}
		if err := c.EndProbe(t.Context(), p, "ko", "끝났습니다"); err != nil {
			t.Fatal(err)
		}
		all = s.Messages()
		if m = all[len(all)-1]; len(m.Buttons()) != 0 || !strings.Contains(m.Reading(), "끝났습니다") {
			t.Errorf("after its end:\n%s", m.Reading())
		}
	}
	if _, err := c.Probe(t.Context(), "#nowhere", ""); !fault.Is(err, fault.Configuration) {
		t.Errorf("%v", err)
	}
}

func TestWithoutAWayForClicksThereAreNoButtons(t *testing.T) {
	s := slackServer(t)
	o := notify.SlackOptions{Token: notify.Secret(s.Token), APIURL: s.APIURL()}
	c, err := notify.NewSlack(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), inTeam(notifytest.Sample()), false); err != nil {
		t.Fatal(err)
	}
	if m := only(t, s); len(m.Buttons()) != 0 || o.Buttons() {
		t.Errorf("buttons %v", m.Buttons())
	}
	if p, err := c.Probe(t.Context(), team, "en"); err != nil || p.Buttons || len(s.Messages()[1].Buttons()) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAWrongKindOfSecretIsNamedAndNotRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		o    notify.SlackOptions
		want string
	}{
		"an app-level token as bot token": {notify.SlackOptions{Token: "xapp-1-hide"}, "belongs in app_token_file"},
		"a user's token":                  {notify.SlackOptions{Token: "xoxp-hide"}, "this is a user's token"},
		"a token that rotates":            {notify.SlackOptions{Token: "xoxe-1-hide"}, "switch token rotation off"},
		"something else":                  {notify.SlackOptions{Token: "hide"}, "begins with xoxb-"},
		"a bot token as app-level token":  {notify.SlackOptions{Token: "xoxb-hide", AppToken: "xoxb-hide"}, "belongs in token_file"},
		"something as app-level token":    {notify.SlackOptions{Token: "xoxb-hide", AppToken: "hide"}, "with the scope connections:write"},
		"a token as signing secret":       {notify.SlackOptions{Token: "xoxb-hide", SigningSecret: "xapp-hide"}, "found under Basic Information, App Credentials"},
	} {
		if _, err := notify.NewSlack(tc.o); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hide") {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if _, err := notify.NewSlack(notify.SlackOptions{Token: "xoxe.xoxb-1-x"}); err != nil {
		t.Error(err)
	}
	if _, err := notify.NewSlackSocket(notify.SlackOptions{Token: "xoxb-t"}, nil, nil); err == nil || !strings.Contains(err.Error(), "app_token_file is required") {
		t.Error(err)
	}
}

func TestASecretThatEverybodyMayReadIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("xoxb-hide"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := notify.NewSlack(notify.SlackOptions{TokenFile: file}); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := notify.NewSlack(notify.SlackOptions{TokenFile: file}); err == nil || !strings.Contains(err.Error(), "chmod o= "+file) {
		t.Error(err)
	}
}
