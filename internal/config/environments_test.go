package config

import (
	"strings"
	"testing"
)

func TestDevelopmentAndTestAreRelaxedUnlessTheConfigurationSaysOtherwise(t *testing.T) {
	c, err := load(t, "environments: [{name: test, policy: default}, {name: staging, policy: relaxed}]\n")
	if err != nil {
		t.Fatal(err)
	}
	for environment, want := range map[string]string{
		"dev": "relaxed", "Development": "relaxed", "testing": "relaxed", "staging": "relaxed",
		"test": "default", "prod": "default", "": "default", "nowhere": "default",
	} {
		if got := c.PolicyFor(environment).Name; got != want {
			t.Errorf("%q has the policy %s, want %s", environment, got, want)
		}
	}
	own, err := load(t, "policies: [{name: relaxed, max_attempts: 3}]\n")
	if err != nil || own.PolicyFor("dev").MaxAttempts != 3 {
		t.Errorf("a policy of that name is not used: %v", err)
	}
}

func TestAnEnvironmentThatIsNamedNowhereIsRefusedWhereSomeAreDeclared(t *testing.T) {
	c, err := load(t, "environments: [{name: production, policy: default}, {name: staging, policy: relaxed}]\n"+
		"people: [{id: a, slack: U012ABCDE}]\nteams: [{id: t, members: [a]}]\ncatch_all: t\nchannels: [{name: chat, kind: slack}]\nroutes: [{match: {environment: [lab]}, channels: [chat]}]\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"", "production", "staging", "lab", "dev", "Testing"} {
		if err := c.CheckEnvironment(known); err != nil {
			t.Errorf("%q: %v", known, err)
		}
	}
	for name, want := range map[string]string{
		"prodution": `"prodution" is named nowhere in the configuration; did you mean "production"? Known are lab, production, staging; a new one is added under environments`,
		"Staging":   `did you mean "staging"?`,
		"qwertz":    "; one of lab, production, staging; a new one is added",
	} {
		if err := c.CheckEnvironment(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	none, err := load(t, "")
	if err != nil || none.CheckEnvironment("prodution") != nil {
		t.Errorf("nothing is declared: %v", err)
	}
}
