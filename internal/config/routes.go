package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// validateRoutes refuses routes that name what there is not, and those whose
// turn never comes. Whom a route reaches is app's to check: it knows the kinds.
func (c Config) validateRoutes() error {
	var errs []error
	for i, r := range c.Routes {
		at := fmt.Sprintf("routes[%d]", i)
		before := len(errs)
		errs = append(errs, c.validateMatch(at+".match", r.Match)...)
		errs = append(errs, c.validateChannelsOf(at, r)...)
		if len(errs) > before || !alert.Shadowed(c.Routes[:i], r) {
			continue
		}
		errs = append(errs, wrong(at, "its turn never comes: whatever it matches (%s) is matched by a route above it; move it up, or remove it", r.Match))
	}
	return errors.Join(errs...)
}

func (c Config) validateMatch(at string, m alert.RouteMatch) []error {
	var errs []error
	for i, s := range m.Severity {
		if !slices.Contains(alert.Severities, s) {
			errs = append(errs, wrong(fmt.Sprintf("%s.severity[%d]", at, i), "%q is not a severity; write P1, P2, P3 or P4", s))
		}
	}
	for i, p := range m.Certificate {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			errs = append(errs, wrong(fmt.Sprintf("%s.certificate[%d]", at, i), "%q is not a pattern; write a name, with * for any characters: *.shop.example.com", p))
		}
	}
	for i, e := range m.Environment {
		if e == "" {
			errs = append(errs, wrong(fmt.Sprintf("%s.environment[%d]", at, i), "is empty; write an environment as certificates name it"))
		}
	}
	d := c.Directory()
	for i, id := range m.Owner {
		if _, ok := d.Person(id); !ok {
			errs = append(errs, wrong(fmt.Sprintf("%s.owner[%d]", at, i), "nobody has the id %q; add the person under people or correct the id", id))
		}
	}
	for i, id := range m.Team {
		if _, ok := d.Team(id); !ok {
			errs = append(errs, wrong(fmt.Sprintf("%s.team[%d]", at, i), "no team has the id %q; add it under teams or correct the id", id))
		}
	}
	return errs
}

func (c Config) validateChannelsOf(at string, r alert.Route) []error {
	var known []string
	for _, ch := range c.Channels {
		known = append(known, ch.Name)
	}
	var errs []error
	if len(r.Channels)+len(r.Also) == 0 {
		errs = append(errs, wrong(at, "leads nowhere; name channels, or also"))
	}
	seen := map[string]string{}
	for _, l := range []struct {
		key  string
		list []string
	}{{"channels", r.Channels}, {"also", r.Also}} {
		for i, name := range l.list {
			here := fmt.Sprintf("%s.%s[%d]", at, l.key, i)
			switch first, twice := seen[name]; {
			case !slices.Contains(known, name):
				errs = append(errs, wrong(here, "no channel is called %q; add it under channels or write one of %s", name, strings.Join(known, ", ")))
			case twice:
				errs = append(errs, wrong(here, "%q stands at %s already; keep one", name, first))
			default:
				seen[name] = here
			}
		}
	}
	return errs
}
