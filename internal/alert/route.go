package alert

import (
	"path"
	"slices"
	"strings"
)

// Severities lists them, the most urgent first.
var Severities = []Severity{P1, P2, P3, P4}

// Route says by which channels notices are sent. Of several the first that
// matches counts. It prefers and adds; whom it does not reach is told by
// whatever else there is.
type Route struct {
	Match RouteMatch `mapstructure:"match" json:"match,omitzero"`
	// Channels are configured names, the best first; empty: as without a route.
	Channels []string `mapstructure:"channels" json:"channels,omitempty"`
	// Also are channels that take each notice in addition.
	Also []string `mapstructure:"also" json:"also,omitempty"`
}

// RouteMatch is what a notice has to be about. Every list that is not empty
// has to hold it; without any, everything matches.
type RouteMatch struct {
	Severity    []Severity `mapstructure:"severity" json:"severity,omitempty"`
	Environment []string   `mapstructure:"environment" json:"environment,omitempty"`
	Certificate []string   `mapstructure:"certificate" json:"certificate,omitempty"` // patterns of its name or of a DNS name: *.shop.example.com
	Owner       []string   `mapstructure:"owner" json:"owner,omitempty"`             // ids
	Team        []string   `mapstructure:"team" json:"team,omitempty"`
}

// Traits are what routes look at.
type Traits struct {
	Severity    Severity `json:"severity,omitempty"`
	Environment string   `json:"environment,omitempty"`
	Certificate string   `json:"certificate,omitempty"`
	Names       []string `json:"names,omitempty"`
	Owner       string   `json:"-"` // as the question has it who is told
	Team        string   `json:"-"`
}

// RouteFor gives the index of the first route that matches; -1 if none does.
func RouteFor(routes []Route, t Traits) int {
	return slices.IndexFunc(routes, func(r Route) bool { return r.Match.Matches(t) })
}

// Matches reports whether a notice with these traits is meant.
func (m RouteMatch) Matches(t Traits) bool {
	one := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return (len(m.Severity) == 0 || slices.Contains(m.Severity, t.Severity)) &&
		one(m.Environment, t.Environment) && one(m.Owner, t.Owner) && one(m.Team, t.Team) &&
		(len(m.Certificate) == 0 || slices.ContainsFunc(append([]string{t.Certificate}, t.Names...), func(name string) bool { return matchesAny(m.Certificate, name) }))
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(strings.ToLower(p), strings.ToLower(name))
		return err == nil && ok
	})
}

// Shadowed reports whether whatever a route matches is matched by earlier ones,
// so that its turn never comes.
func Shadowed(earlier []Route, r Route) bool {
	for _, severity := range orAny(r.Match.Severity, Severities...) {
		for _, environment := range orAny(r.Match.Environment, "") {
			for _, certificate := range orAny(r.Match.Certificate, "*") {
				for _, owner := range orAny(r.Match.Owner, "") {
					for _, team := range orAny(r.Match.Team, "") {
						one := cell{severity, environment, certificate, owner, team}
						if !slices.ContainsFunc(earlier, func(e Route) bool { return e.Match.covers(one) }) {
							return false
						}
					}
				}
			}
		}
	}
	return true
}

// cell is one severity and at most one of everything else; what is empty is any.
type cell struct {
	severity                              Severity
	environment, certificate, owner, team string
}

func (m RouteMatch) covers(c cell) bool {
	one := func(list []string, value string) bool {
		return len(list) == 0 || value != "" && slices.Contains(list, value)
	}
	return (len(m.Severity) == 0 || slices.Contains(m.Severity, c.severity)) &&
		one(m.Environment, c.environment) && one(m.Owner, c.owner) && one(m.Team, c.team) &&
		(len(m.Certificate) == 0 || slices.ContainsFunc(m.Certificate, func(p string) bool { return wider(p, c.certificate) }))
}

// wider reports whether a pattern certainly matches whatever another one does.
func wider(p, narrow string) bool {
	if p == "*" || p == narrow {
		return true
	}
	return !strings.ContainsAny(p, `?[\`) && matchesAny([]string{p}, narrow) // a * of the narrow one falls to a * of the wide one
}

func orAny[T any](list []T, all ...T) []T {
	if len(list) == 0 {
		return all
	}
	return list
}

// String says in words what is meant.
func (m RouteMatch) String() string {
	var out []string
	var severities []string
	for _, s := range m.Severity {
		severities = append(severities, string(s))
	}
	for _, f := range []struct {
		name string
		list []string
	}{{"severity", severities}, {"environment", m.Environment}, {"certificate", m.Certificate}, {"owner", m.Owner}, {"team", m.Team}} {
		if len(f.list) > 0 {
			out = append(out, f.name+" "+strings.Join(f.list, "|"))
		}
	}
	if len(out) == 0 {
		return "everything"
	}
	return strings.Join(out, ", ")
}

// Reached reports whether somebody was told: a copy alone tells nobody.
func Reached(all []Receipt) bool {
	return slices.ContainsFunc(all, func(r Receipt) bool { return !r.Copy })
}
