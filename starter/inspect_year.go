package main

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

const year = 365 * 24 * time.Hour

// comingYear asks the brain what would follow if this were enrolled now under
// the default policy: only watched and nobody does anything, or renewed here.
func (c *cli) comingYear(l *looked, first cert.Version) (watched, renewed []foreseenView) {
	now := c.now().UTC()
	ask := func(managed bool, fate lifecycle.Fate, until time.Time) []foreseenView {
		s, seen := enrolledNow(now, l, first, managed)
		events, _ := lifecycle.Forecast(now, until, s, lifecycle.Assume{Fate: fate, Seen: seen})
		return c.foreseen(events, s.Spec)
	}
	// After its end only the same page goes on; a day of it is enough.
	end := first.NotAfter.Add(24 * time.Hour)
	if end.Before(now) {
		end = now.Add(24 * time.Hour)
	}
	if last := now.Add(year); last.Before(end) {
		end = last
	}
	return ask(false, lifecycle.AllFail, end), ask(true, lifecycle.AllSucceed, now.Add(year))
}

// enrolledNow is the state of a fresh enrolment, and what its places show.
func enrolledNow(now time.Time, l *looked, first cert.Version, managed bool) (lifecycle.State, []cert.Observation) {
	const target = "server"
	e := l.endpoint
	if l.file {
		e = cert.Endpoint{Host: "file", Port: 443}
	}
	names := l.names
	if len(names) == 0 {
		names = first.Names
	}
	spec := lifecycle.Spec{Name: "inspected", Names: names, Managed: managed, Owner: "owner", Team: "team", Policy: lifecycle.Default(), Endpoints: []cert.Endpoint{e}}
	var seen []cert.Observation
	for _, o := range l.found.Observations {
		o.Endpoint = e
		if managed && !o.Seen() {
			continue // its own target serves all of them
		}
		seen = append(seen, o)
	}
	if managed {
		spec.CA, spec.Targets = "ca", []string{target}
		seen = []cert.Observation{{Endpoint: e, Version: first}, {Target: target, Version: first}}
	}
	return lifecycle.State{Spec: spec, EnrolledAt: now}, seen
}
