package config

import (
	"strings"
	"testing"
)

func TestFreezesAreReadAndWhatCannotBeSatisfiedIsRefusedWithItsPath(t *testing.T) {
	policy := func(keys string) string { return "policies:\n  - {name: careful, " + keys + "}\n" }
	c, err := load(t, policy(`freeze_yields: false, freezes: [{name: once, from: 2026-12-20, until: 2027-01-03, timezone: Asia/Seoul}, {name: weekend, from: fri 18:00, until: sun, timezone: UTC, stops: [deploy]}]`))
	if err != nil || len(c.Policies) != 2 {
		t.Fatalf("%+v %v", c.Policies, err)
	}
	p, _ := c.Policy("careful")
	if len(p.Freezes) != 2 || p.Freezes[0].From != "2026-12-20" || p.Freezes[1].Stops[0] != "deploy" || p.FreezeYields() {
		t.Errorf("%+v", p.Freezes)
	}
	for keys, want := range map[string]string{
		`freezes: [{name: a, from: mon, until: sun, timezone: UTC}]`:                "policies[0].freezes: \"a\" leave no time at all, for ever",
		`freezes: [{name: a, from: mon, until: sun}]`:                               "policies[0].freezes[0].timezone",
		`freezes: [{name: a, from: 2026-12-20, until: 12-22, timezone: UTC}]`:       "policies[0].freezes[0].until",
		`freezes: [{name: a, from: sat, until: sun, timezone: UTC, stop: [issue]}]`: "policies[0].freezes[0].stop is not known",
		`freeze_yields: sometimes`:                                                  "policies[0].freeze_yields: text stands where true or false belongs",
	} {
		if _, err := load(t, policy(keys)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", keys, err, want)
		}
	}
}
