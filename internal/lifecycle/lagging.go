package lifecycle

import (
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// targetBehind: some place has another version than Live. It grows more urgent
// as what is there nears its end.
func (v *view) targetBehind() *condition {
	if !v.s.Spec.Managed {
		return nil
	}
	var why []string
	var since time.Time
	add := func(at time.Time, text string) {
		if since.IsZero() || at.Before(since) {
			since = at
		}
		why = append(why, text)
	}
	targets, _ := v.behind()
	for _, t := range targets {
		p := v.s.Place(t)
		add(p.Since, p.Where()+": "+p.Behind)
	}
	if at := v.astrayAt(); !at.IsZero() && !v.now.Before(at) {
		for _, o := range v.s.astray() {
			add(at, fmt.Sprintf("%s has %s instead of %s", o.Where(), o.Version.Fingerprint.Short(), v.s.Live.Fingerprint.Short()))
		}
	}
	if len(why) == 0 {
		return nil
	}
	c := &condition{reason: alert.TargetBehind, severity: alert.P3, plan: EscalateBehind, level: -1, since: since, cause: strings.Join(why, "; ")}
	if plan, ok := v.behindPlan(); ok {
		if level := plan.Level(v.now); level >= v.s.Spec.Policy.Inform {
			t := plan.Thresholds[level]
			c.level, c.severity, c.plan, c.since = level, t.Severity, string(t.Severity), latest(since, t.At)
		}
	}
	return c
}

// astrayAt is when a place that shows another version than Live has had its
// time to settle; zero if there is none.
func (v *view) astrayAt() time.Time {
	if v.s.Sight.AstraySince.IsZero() || len(v.s.astray()) == 0 {
		return time.Time{}
	}
	return v.s.Sight.AstraySince.Add(v.of(v.s.Spec.Policy.RetryEvery))
}

// behindPlan is the calendar of what ends first on the places that lag behind
// Live; false if nothing ends before Live does.
func (v *view) behindPlan() (Plan, bool) {
	first := v.s.Live.NotAfter
	targets, _ := v.behind()
	for _, t := range targets {
		if p := v.s.Place(t); !p.Ends.IsZero() && p.Ends.Before(first) {
			first = p.Ends
		}
	}
	for _, o := range v.s.astray() {
		if o.Version.NotAfter.Before(first) {
			first = o.Version.NotAfter
		}
	}
	if !v.known() || !first.Before(v.s.Live.NotAfter) {
		return Plan{}, false
	}
	old := cert.Version{NotBefore: first.Add(-v.s.Live.Lifetime()), NotAfter: first}
	return PlanOf(old, nil, v.s.Spec.Policy), true
}
