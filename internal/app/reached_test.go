package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// configured reads a configuration with the sections that are given, over a
// small office with Slack and mail.
func configured(t *testing.T, sections map[string]string) (config.Config, error) {
	t.Helper()
	whole := map[string]string{
		"data":     t.TempDir(),
		"channels": `[{name: slack, kind: slack, options: {token: xoxb-1}}, {name: mail, kind: email, options: {host: h, from: n@example.com}}]`,
		"people":   `[{id: minji, slack: U1, email: minji@example.com}, {id: alex, email: alex@example.com}, {id: hana, phone: "+821012345678"}]`,
		"teams":    `[{id: web, members: [minji], manager: alex, on_call: [{person: minji}]}]`, "catch_all": "web",
	}
	var text strings.Builder
	for k, v := range sections {
		whole[k] = v
	}
	for k, v := range whole {
		text.WriteString(k + ": " + v + "\n")
	}
	path := filepath.Join(t.TempDir(), "neverlapse.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, nil)
	if err == nil {
		err = reached(c)
	}
	return c, err
}

const mailOnly = `[{name: mail, kind: email, options: {host: h, from: n@example.com}}]`

func TestSomebodyWhomNoChannelReachesIsRefusedWithTheRemedy(t *testing.T) {
	with := func(kv ...string) map[string]string {
		out := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i]] = kv[i+1]
		}
		return out
	}
	for name, tc := range map[string]struct {
		sections map[string]string
		want     string // empty: it is good
	}{
		"all is well":            {nil, ""},
		"no catch-all":           {with("catch_all", `""`), "catch_all: no team is named"},
		"a catch-all of nobody":  {with("teams", `[{id: web, slack: C1}, {id: ops}]`, "catch_all", "ops"), "catch_all: nobody can be told through team \"ops\""},
		"a catch-all by SMS":     {with("teams", `[{id: web, slack: C1}, {id: ops, members: [hana]}]`, "catch_all", "ops"), `catch_all: no channel reaches team "ops" or who is on call there; give the team slack for slack, or email for mail`},
		"a team by SMS":          {with("teams", `[{id: web, slack: C1}, {id: ops, members: [hana]}]`), "teams[1]: no channel reaches the team; give it or its members slack for slack"},
		"a manager by SMS":       {with("teams", `[{id: web, slack: C1, manager: hana}]`), `teams[0].manager: no channel reaches "hana"; give the person slack for slack, or email for mail`},
		"on call by SMS":         {with("teams", `[{id: web, slack: C1, on_call: [{person: minji}, {person: hana}]}]`), `teams[0].on_call[1].person: no channel reaches "hana"`},
		"a turn of the rota":     {with("teams", `[{id: web, slack: C1, timezone: Asia/Seoul, rota: {members: [minji, hana], start: 2026-11-30 09:00}}]`), `teams[0].rota.members[1]: no channel reaches "hana"`},
		"out of turn":            {with("teams", `[{id: web, slack: C1, timezone: Asia/Seoul, rota: {members: [minji], start: 2026-11-30 09:00, overrides: [{from: 2026-12-24 09:00, until: 2026-12-25 09:00, person: hana}]}}]`), `teams[0].rota.overrides[0].person: no channel reaches "hana"`},
		"away, but reached":      {with("people", `[{id: minji, slack: U1, away: true}, {id: alex, email: alex@example.com}]`), ""},
		"the console will do":    {with("channels", "[{name: log, kind: console}]"), ""},
		"it does not beside one": {with("channels", "[{name: log, kind: console}, {name: sms, kind: sms, options: {provider: sns}}]"), `catch_all: no channel reaches team "web"`},
		"a route to the console": {with("channels", "[{name: log, kind: console}, {name: slack, kind: slack}, {name: mail, kind: email}]", "routes", "[{channels: [log]}]"), `routes[0].channels[0]: log reaches nobody in particular; name a channel that people read, or write it under also`},
		"a route to nobody":      {with("channels", "[{name: hook, kind: webhook}, {name: slack, kind: slack}, {name: mail, kind: email}]", "routes", "[{channels: [slack, hook]}]"), `routes[0].channels[1]: hook reaches nobody of the directory; give somebody channels: [hook], or remove it`},
		"a copy to a hook":       {with("channels", "[{name: hook, kind: webhook}, {name: slack, kind: slack}, {name: mail, kind: email}]", "routes", "[{also: [hook]}]"), ""},
		"a copy to nobody":       {with("channels", "[{name: hook, kind: webhook, options: {to: phone}}, {name: slack, kind: slack}, {name: mail, kind: email}]", "people", "[{id: minji, slack: U1}, {id: alex, email: a@example.com}]", "routes", "[{also: [hook]}]"), `routes[0].also[0]: hook reaches nobody of the directory; give somebody phone`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configured(t, tc.sections)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestEmailAloneIsRefusedForWhatIsUrgent(t *testing.T) {
	for name, tc := range map[string]struct {
		sections map[string]string
		want     string
	}{
		"mail alone":                    {map[string]string{"channels": mailOnly}, `teams[0]: P1 of team "web" would be told by e-mail alone (minji@example.com, alex@example.com), by policy "default"; mail wakes nobody; add a channel that interrupts`},
		"mail and the worker's output":  {map[string]string{"channels": `[{name: log, kind: console}, {name: mail, kind: email}]`}, `teams[0]: P1 of team "web" would be told by e-mail alone`},
		"accepted":                      {map[string]string{"channels": mailOnly, "accept_email_alone": "true"}, ""},
		"one of them has Slack":         {nil, ""},
		"a room of Teams beside it":     {map[string]string{"channels": `[{name: mail, kind: email}, {name: room, kind: teams}]`, "teams": `[{id: web, members: [minji], channels: [room]}]`}, ""},
		"another team has mail alone":   {map[string]string{"teams": `[{id: web, slack: C1, manager: alex}, {id: shop, email: shop@example.com, members: [alex], manager: alex}]`}, `teams[1]: P1 of team "shop" would be told by e-mail alone (alex@example.com, shop@example.com)`},
		"the catch-all's on-call helps": {map[string]string{"teams": `[{id: web, slack: C1, on_call: [{person: minji}]}, {id: shop, email: shop@example.com, members: [alex]}]`}, ""},
		"a policy that tells the owner": {map[string]string{"teams": `[{id: web, slack: C1, on_call: [{person: minji}]}, {id: shop, members: [alex]}]`, "policies": `[{name: calm, escalations: [{name: P2, steps: [{notify: [owner], reach: direct}]}]}]`}, `teams[1]: P2 of team "shop" would be told by e-mail alone (alex@example.com), by policy "calm"`},
		"by a route":                    {map[string]string{"routes": `[{match: {severity: [P2], environment: [prod]}, channels: [mail]}]`}, `routes[0]: P2 of team "web" would be told by e-mail alone (minji@example.com, alex@example.com) where it matches severity P2, environment prod`},
		"by a route that adds":          {map[string]string{"routes": `[{match: {severity: [P2]}, channels: [mail], also: [slack]}]`}, ""},
		"by a route of what can wait":   {map[string]string{"routes": `[{match: {severity: [P3, P4]}, channels: [mail]}]`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configured(t, tc.sections)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestWhatIsAcceptedIsSaidByCheck(t *testing.T) {
	c, err := configured(t, map[string]string{"channels": mailOnly, "accept_email_alone": "true"})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(Notes(c), "\n")
	if !strings.Contains(notes, `P1 of team "web" would be told by e-mail alone`) || !strings.Contains(notes, "accept_email_alone allows it") {
		t.Errorf("notes:\n%s", notes)
	}
}

func TestACertificateOfSomebodyWithMailAloneIsRefusedAtTheDoor(t *testing.T) {
	c, err := configured(t, map[string]string{"teams": `[{id: web, slack: C1, on_call: [{person: minji}]}, {id: shop, members: [minji, alex], manager: alex, on_call: [{person: alex}]}]`})
	if err != nil {
		t.Fatal(err)
	}
	for owner, want := range map[string]bool{"alex": true, "minji": false} {
		for _, accepted := range []bool{false, true} {
			c.AcceptEmailAlone = accepted
			policy := lifecycle.Default()
			for i, e := range policy.Escalations { // a policy that does not tell the team
				if e.Name == "P2" {
					policy.Escalations[i].Steps = e.Steps[1:]
					policy.Escalations[i].Steps[0].Roles = append(policy.Escalations[i].Steps[0].Roles, "owner")
				}
			}
			said := ""
			bad := func(format string, args ...any) { said += strings.TrimSpace(format) }
			(&admission{config: func() config.Config { return c }}).admitUrgent(activities.AdmitRequest{Name: "shop", Owner: owner, Team: "shop"}, policy, bad)
			if refused := said != ""; refused != (want && !accepted) {
				t.Errorf("owner %s, accepted %t: refused %t (%s)", owner, accepted, refused, said)
			}
		}
	}
}

func TestEveryConfigurationOfTheDocumentsReachesWhomItNames(t *testing.T) {
	blocks := 0
	for _, name := range []string{"README.md", "docs/channels.md", "docs/routing.md", "docs/getting-started.md", "docs/slack.md", "docs/webhooks.md", "docs/escalation.md", "docs/environments.md"} {
		page, err := os.ReadFile(filepath.Join("..", "..", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?ms)^( *)```yaml\n(.*?)^ *```").FindAllStringSubmatch(string(page), -1) {
			text := strings.ReplaceAll("\n"+block[2], "\n"+block[1], "\n")
			if !strings.Contains(text, "channels:\n") || !strings.Contains(text, "catch_all:") {
				continue
			}
			blocks++
			path := filepath.Join(t.TempDir(), "neverlapse.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(path, nil)
			if err == nil {
				err = reached(c)
			}
			if err != nil {
				t.Errorf("%s: %v in\n%s", name, err, text)
			}
		}
	}
	if blocks < 5 {
		t.Errorf("only %d configurations were found", blocks)
	}
}
