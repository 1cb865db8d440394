package config

import (
	"strings"
	"testing"
)

func TestARotaIsReadAndAnEmptyOrBrokenOneIsRefusedWithItsPath(t *testing.T) {
	file := func(rota string) string {
		return `
people: [{id: minji, email: minji@example.com}]
teams: [{id: sre, members: [minji], timezone: Asia/Seoul, rota: ` + rota + `}]
catch_all: sre
`
	}
	c, err := load(t, file(`{members: [minji], start: 2026-11-30 09:00, every: 14d}`))
	if err != nil || c.Teams[0].Rota == nil || c.Teams[0].Rota.Start.String() != "2026-11-30 09:00" || c.Teams[0].Rota.Every.Hours() != 14*24 {
		t.Fatalf("%+v %v", c.Teams, err)
	}
	for rota, want := range map[string]string{
		`{}`:                           "teams[0].rota.members: is empty",
		`{members: [minji]}`:           "teams[0].rota.start: is missing",
		`{members: [], start: monday}`: `teams[0].rota.start: "monday" is not a local date and time; write for example 2026-11-30 09:00`,
		`{members: [minji], start: 2026-11-30 09:00, timezone: Seoul}`: `teams[0].rota.timezone: "Seoul" is not an IANA time zone`,
		`{members: [minji], begin: 2026-11-30 09:00}`:                  "teams[0].rota.begin is not known",
	} {
		if _, err := load(t, file(rota)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", rota, err, want)
		}
	}
}
