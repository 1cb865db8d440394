package config

import (
	"fmt"
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

// CheckEnvironment refuses an environment that is named nowhere, where some are
// declared: a typing error would give it the policy of every other. Those that
// routes name, or that have a policy without being declared, are known as well.
func (c Config) CheckEnvironment(name string) error {
	if len(c.Environments) == 0 || name == "" || slices.Contains(relaxedEnvironments, strings.ToLower(name)) {
		return nil
	}
	var known []string
	for _, e := range c.Environments {
		known = append(known, e.Name)
	}
	for _, r := range c.Routes {
		known = append(known, r.Match.Environment...)
	}
	if slices.Contains(known, name) {
		return nil
	}
	slices.Sort(known)
	known = slices.Compact(known)
	hint := "one of " + strings.Join(known, ", ")
	if near := nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean %q? Known are %s", near, strings.Join(known, ", "))
	}
	return fmt.Errorf("%q is named nowhere in the configuration; %s; a new one is added under environments, as {name: %s, policy: default}", name, hint, name)
}
