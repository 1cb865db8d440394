package scripts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// slackConfig is written beside each script of RunSlack; the stand-in's address
// and three files go into it.
const slackConfig = `data: data
channels:
  - {name: slack, kind: slack, options: {api_url: %q, token_file: bot-token, app_token_file: app-token}}
people:
  - {id: minji, name: Kim Minji, slack: U0MINJI, language: ko}
  - {id: alex, name: Alex Martin, email: alex@example.com}
teams:
  - {id: web, name: Web, members: [minji], slack: C0WEB, on_call: [{person: minji}]}
catch_all: web
`

type slackKey struct{}

// RunSlack runs every script of a folder with a Slack stand-in and, in the
// script's folder, a neverlapse.yaml for it. Beside exits there are
//
//	pressed-by USER   whoever sees a button presses it, by Socket Mode
//	scopes SCOPE...   the bot token has these scopes only
//	shown PATTERN     the newest message in Slack reads so
func RunSlack(t *testing.T, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Setup: setupSlack,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "pressed-by": pressedBy, "scopes": scopes, "shown": shown},
	})
}

func setupSlack(e *testscript.Env) error {
	s, err := notifytest.NewSlackServer("")
	if err != nil {
		return err
	}
	e.Defer(func() { s.Close() })
	s.AddChannel("C0WEB", true)
	s.AddChannel("C0CLOSED", false)
	s.NameChannel("#web", "C0WEB")
	s.AddUser("U0MINJI")
	e.Values[slackKey{}] = s
	for name, text := range map[string]string{"neverlapse.yaml": fmt.Sprintf(slackConfig, s.APIURL()), "bot-token": s.Token, "app-token": s.AppToken} {
		if err := os.WriteFile(filepath.Join(e.WorkDir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func slackOf(ts *testscript.TestScript) *notifytest.SlackServer {
	return ts.Value(slackKey{}).(*notifytest.SlackServer)
}

func pressedBy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: pressed-by USER")
	}
	s := slackOf(ts)
	ctx, cancel := context.WithCancel(context.Background())
	ts.Defer(cancel)
	s.OnPost(func(m notifytest.SlackMessage) {
		if len(m.Buttons()) > 0 {
			go s.Press(ctx, m, alert.Action(m.Buttons()[0]), args[0])
		}
	})
}

func scopes(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: scopes SCOPE...")
	}
	slackOf(ts).SetScopes(args...)
}

func shown(ts *testscript.TestScript, neg bool, args []string) {
	all := slackOf(ts).Messages()
	if len(args) != 1 || len(all) == 0 {
		ts.Fatalf("usage: shown PATTERN; there are %d messages", len(all))
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	if pattern.MatchString(all[len(all)-1].Reading()) == neg {
		ts.Fatalf("the newest message reads:\n%s", all[len(all)-1].Reading())
	}
}
