package notify_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// manifest is what is read of a printed one.
type manifest struct {
	Features struct {
		AppHome struct {
			Tab      bool `yaml:"messages_tab_enabled"`
			ReadOnly bool `yaml:"messages_tab_read_only_enabled"`
		} `yaml:"app_home"`
	}
	OAuth struct {
		Scopes struct{ Bot, User []string }
	} `yaml:"oauth_config"`
	Settings struct {
		Interactivity struct {
			Enabled bool   `yaml:"is_enabled"`
			URL     string `yaml:"request_url"`
		}
		Socket   bool `yaml:"socket_mode_enabled"`
		Rotation bool `yaml:"token_rotation_enabled"`
	}
}

func parsed(t *testing.T, requestURL string) (m manifest) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(notify.SlackManifest(requestURL)), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheManifestIsForOneWayOfClicks(t *testing.T) {
	m := parsed(t, "")
	if s := m.Settings; !s.Socket || !s.Interactivity.Enabled || s.Interactivity.URL != "" || s.Rotation || !m.Features.AppHome.Tab || !m.Features.AppHome.ReadOnly {
		t.Errorf("%+v", m)
	}
	const url = "https://neverlapse.example.com/slack/interactions"
	if s := parsed(t, url).Settings; s.Socket || !s.Interactivity.Enabled || s.Interactivity.URL != url {
		t.Errorf("%+v", s)
	}
}

// everything does all that is done with a bot token, in every kind of conversation.
func everything(ctx context.Context, s *notifytest.SlackServer, c *notify.Slack) error {
	for i, address := range []string{"C0PUBLIC", "G0PRIVATE", minji} {
		m := inTeam(notifytest.Sample())
		m.Address, m.Notice.Key, m.DedupKey = address, fmt.Sprint(i), fmt.Sprint(i)
		first, err := c.Send(ctx, m, false)
		if err != nil {
			return err
		}
		m.InReplyTo, m.DedupKey = &first, m.DedupKey+"/again"
		before := s.Calls("conversations.replies")
		if _, err := c.Send(ctx, m, true); err != nil {
			return err
		}
		m.Notice.Phase, m.DedupKey = alert.Resolved, m.DedupKey+"/end"
		if err := c.Update(ctx, first, m); err != nil {
			return err
		}
		if s.Calls("conversations.replies") == before {
			return fmt.Errorf("nothing was looked up in %s", address)
		}
		p, err := c.Probe(ctx, address, "ko")
		if err != nil {
			return err
		}
		if _, err := c.Probed(ctx, p); err != nil {
			return err
		}
		if err := c.EndProbe(ctx, p, "ko", "끝"); err != nil {
			return err
		}
	}
	_, err := c.Identify(ctx)
	return err
}

func TestTheScopesOfTheManifestAreEnoughAndNoneIsTooMuch(t *testing.T) {
	scopes := parsed(t, "").OAuth.Scopes
	if len(scopes.Bot) == 0 || len(scopes.User) != 0 || !slices.Equal(scopes.Bot, notify.SlackScopes()) {
		t.Fatalf("%+v", scopes)
	}
	run := func(t *testing.T, scopes []string) error {
		s := slackServer(t)
		s.AddChannel("C0PUBLIC", true)
		s.AddChannel("G0PRIVATE", true)
		s.SetScopes(scopes...)
		return everything(t.Context(), s, slackChannel(t, s))
	}
	if err := run(t, scopes.Bot); err != nil {
		t.Errorf("with all scopes: %v", err)
	}
	for i, scope := range scopes.Bot {
		t.Run("without "+scope, func(t *testing.T) {
			err := run(t, slices.Delete(slices.Clone(scopes.Bot), i, i+1))
			if err == nil || !strings.Contains(err.Error(), "needed: "+scope) {
				t.Errorf("nothing needs it: %v", err)
			}
		})
	}
}

// methodsOf are the methods of Slack's Web API behind those of slack-go's client.
var methodsOf = map[string]string{
	"AuthTestContext": "auth.test", "PostMessageContext": "chat.postMessage", "UpdateMessageContext": "chat.update",
	"OpenConversationContext": "conversations.open", "GetConversationHistoryContext": "conversations.history",
	"GetConversationRepliesContext": "conversations.replies", "StartSocketModeContext": "apps.connections.open",
	"OpenViewContext": "views.open",
}

func TestEveryMethodThatTheCodeCallsHasItsScopesInTheTable(t *testing.T) {
	files, err := filepath.Glob("slack*.go")
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	look := func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if on, ok := method.X.(*ast.SelectorExpr); ok && on.Sel.Name == "api" {
			name, known := methodsOf[method.Sel.Name]
			if !known {
				t.Errorf("the code calls %s; say here which method of Slack's Web API that is", method.Sel.Name)
			}
			called[name] = true
		}
		return true
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, look)
	}
	for name := range notify.SlackMethods() {
		if !called[name] {
			t.Errorf("the table has %s, which nothing calls", name)
		}
	}
	delete(called, "apps.connections.open") // by the app-level token
	for name := range called {
		if _, ok := notify.SlackMethods()[name]; !ok {
			t.Errorf("the code calls %s; add its scopes to slackMethods", name)
		}
	}
}
