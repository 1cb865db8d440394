package people

import (
	"fmt"
	"slices"
)

// rota says what is wrong with a team's rota.
func (c *check) rota(at string, t Team) {
	r := t.Rota
	if r == nil {
		return
	}
	if len(r.Members) == 0 {
		c.failf("%s.members: is empty; list the ids of those who take turns, or remove the rota", at)
	}
	for i, m := range r.Members {
		c.person(fmt.Sprintf("%s.members[%d]", at, i), m)
	}
	if r.Start.IsZero() {
		c.failf("%s.start: is missing; write the local date and time at which the first turn begins, like 2026-11-30 09:00", at)
	}
	if r.Every < 0 || r.Every%day != 0 || r.Every > 366*day {
		c.failf("%s.every: turns last whole days, 1d to 366d; write for example 7d", at)
	}
	switch {
	case r.TimeZone != "":
		c.zone(at, r.TimeZone)
	case t.TimeZone == "":
		c.failf("%s.timezone: is missing, and the team has none; write for example Asia/Seoul", at)
	}
	c.overrides(at+".overrides", *r)
}

func (c *check) overrides(at string, r Rota) {
	for i, o := range r.Overrides {
		here := fmt.Sprintf("%s[%d]", at, i)
		c.person(here+".person", o.Person)
		switch {
		case o.From.IsZero() || o.Until.IsZero():
			c.failf("%s: from and until are both needed; write local dates and times, like 2026-12-24 09:00", here)
			continue
		case !o.From.at.Before(o.Until.at):
			c.failf("%s.until: %s is not after from (%s); exchange or correct them", here, o.Until, o.From)
			continue
		}
		first := slices.IndexFunc(r.Overrides[:i], func(p Override) bool { return p.From.at.Before(o.Until.at) && o.From.at.Before(p.Until.at) })
		if first >= 0 {
			c.failf("%s: overlaps %s[%d] (%s to %s); only one person can be on call out of turn", here, at, first, r.Overrides[first].From, r.Overrides[first].Until)
		}
	}
}
