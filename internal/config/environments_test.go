package config

import "testing"

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
