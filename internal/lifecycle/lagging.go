package lifecycle

import (
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// targetBehind: some target could not be reached and has another version than
// Live. It grows more urgent as what is there nears its end.
func (v *view) targetBehind() *condition {
	if !v.s.Spec.Managed {
		return nil
	}
	var why []string
	var since time.Time
	targets, _ := v.behind()
	for _, t := range targets {
		p := v.s.Place(t)
		if since.IsZero() || p.Since.Before(since) {
			since = p.Since
		}
		why = append(why, p.Where()+": "+p.Behind)
	}
	return v.atPlaces(alert.TargetBehind, since, why)
}

// atPlaces is a condition about places that have another version than Live; nil
// if nothing is said of any.
func (v *view) atPlaces(r alert.Reason, since time.Time, why []string) *condition {
	if len(why) == 0 {
		return nil
	}
	c := &condition{reason: r, severity: alert.P3, plan: EscalateBehind, level: -1, since: since, cause: strings.Join(why, "; ")}
	if plan, ok := v.placesPlan(r); ok {
		if level := plan.Level(v.now); level >= v.s.Spec.Policy.Inform {
			t := plan.Thresholds[level]
			c.level, c.severity, c.plan, c.since = level, t.Severity, string(t.Severity), latest(since, t.At)
		}
	}
	return c
}

// placesPlan is the calendar of what ends first on the places that a condition
// is about; false if it is not about places, or nothing ends before Live does.
func (v *view) placesPlan(r alert.Reason) (Plan, bool) {
	var ends []time.Time
	switch r {
	case alert.TargetBehind:
		targets, _ := v.behind()
		for _, t := range targets {
			if p := v.s.Place(t); !p.Ends.IsZero() {
				ends = append(ends, p.Ends)
			}
		}
	case alert.Drifted:
		for _, o := range v.s.drifting() {
			ends = append(ends, o.Version.NotAfter)
		}
	}
	first := v.s.Live.NotAfter
	for _, at := range ends {
		if at.Before(first) {
			first = at
		}
	}
	if !v.known() || !first.Before(v.s.Live.NotAfter) {
		return Plan{}, false
	}
	old := cert.Version{NotBefore: first.Add(-v.s.Live.Lifetime()), NotAfter: first}
	return PlanOf(old, nil, v.s.Spec.Policy), true
}
