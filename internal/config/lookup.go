package config

import (
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// defaultPolicy is the name of the policy of certificates that name none.
const defaultPolicy = "default"

// completePolicies fills the defaults of every policy and adds the one called
// default if nobody wrote it.
func (c *Config) completePolicies() {
	if _, ok := c.Policy(defaultPolicy); !ok {
		c.Policies = append(slices.Clip(c.Policies), lifecycle.Policy{Name: defaultPolicy})
	}
	for i, p := range c.Policies {
		c.Policies[i] = p.WithDefaults()
	}
}

// Directory gives everybody who can be told.
func (c Config) Directory() people.Directory {
	return people.Directory{People: c.People, Teams: c.Teams, CatchAll: c.CatchAll, Permissions: c.Permissions}
}

// relaxedPolicy is the name of the policy of environments in which nothing is
// served to customers, unless the configuration says otherwise.
const relaxedPolicy = "relaxed"

var relaxedEnvironments = []string{"dev", "development", "test", "testing"}

// Policy gives the policy of a name, or false. One called relaxed is there without
// being written.
func (c Config) Policy(name string) (lifecycle.Policy, bool) {
	i := slices.IndexFunc(c.Policies, func(p lifecycle.Policy) bool { return p.Name == name })
	switch {
	case i < 0 && name == relaxedPolicy:
		return lifecycle.Relaxed(), true
	case i < 0:
		return lifecycle.Policy{}, false
	}
	return c.Policies[i], true
}

// PolicyFor gives the policy of an environment. One that has none of its own has
// relaxed if it is called as those of development and test are, else default.
func (c Config) PolicyFor(environment string) lifecycle.Policy {
	name := defaultPolicy
	if slices.Contains(relaxedEnvironments, strings.ToLower(environment)) {
		name = relaxedPolicy
	}
	if i := slices.IndexFunc(c.Environments, func(e Environment) bool { return e.Name == environment }); i >= 0 {
		name = c.Environments[i].Policy
	}
	if p, ok := c.Policy(name); ok {
		return p
	}
	return lifecycle.Default()
}
