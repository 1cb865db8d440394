package config

import (
	"strings"
	"testing"
)

func TestARouteThatNamesWhatThereIsNotOrNeverComesIsRefusedWithItsPath(t *testing.T) {
	file := func(routes string) string {
		return `
channels: [{name: slack, kind: slack}, {name: mail, kind: email}]
people: [{id: minji, email: minji@example.com}]
teams: [{id: sre, members: [minji]}]
catch_all: sre
routes: ` + routes + "\n"
	}
	c, err := load(t, file(`[{match: {severity: [P1, P2], environment: [prod], certificate: ["*.shop.example.com"], owner: [minji], team: [sre]}, channels: [slack], also: [mail]}, {channels: [mail]}]`))
	if err != nil || len(c.Routes) != 2 || c.Routes[0].Match.Severity[1] != "P2" || c.Routes[0].Also[0] != "mail" {
		t.Fatalf("%+v %v", c.Routes, err)
	}
	for routes, want := range map[string]string{
		`[{match: {severity: [P5]}, channels: [slack]}]`:                     `routes[0].match.severity[0]: "P5" is not a severity; write P1, P2, P3 or P4`,
		`[{match: {certificate: ["[a"]}, channels: [slack]}]`:                `routes[0].match.certificate[0]: "[a" is not a pattern; write a name`,
		`[{match: {environment: [""]}, channels: [slack]}]`:                  `routes[0].match.environment[0]: is empty`,
		`[{match: {owner: [hana]}, channels: [slack]}]`:                      `routes[0].match.owner[0]: nobody has the id "hana"; add`,
		`[{match: {team: [web]}, channels: [slack]}]`:                        `routes[0].match.team[0]: no team has the id "web"; add`,
		`[{match: {reason: [x]}, channels: [slack]}]`:                        `routes[0].match.reason is not known`,
		`[{match: {severity: [P1]}}]`:                                        `routes[0]: leads nowhere; name channels`,
		`[{channels: [slak]}]`:                                               `routes[0].channels[0]: no channel is called "slak"; add it under channels or write one of slack, mail`,
		`[{channels: [slack], also: [mial]}]`:                                `routes[0].also[0]: no channel is called "mial"`,
		`[{channels: [slack], also: [slack]}]`:                               `routes[0].also[0]: "slack" stands at routes[0].channels[0] already; keep one`,
		`[{channels: [slack]}, {match: {severity: [P1]}, channels: [mail]}]`: `routes[1]: its turn never comes: whatever it matches (severity P1) is matched by a route above it; move it up, or remove it`,
		`[{match: {severity: [P1]}, channels: [slack]}, {match: {severity: [P2, P3, P4]}, channels: [slack]}, {channels: [mail]}]`: `routes[2]: its turn never comes: whatever it matches (everything)`,
	} {
		if _, err := load(t, file(routes)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", routes, err, want)
		}
	}
}
