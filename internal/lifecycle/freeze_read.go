package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/people"
)

// How often a freeze comes back.
const (
	dated = iota
	yearly
	weekly
)

// edge is one end of a freeze.
type edge struct {
	kind         int
	year         int
	month        time.Month
	day          int
	weekday      time.Weekday
	hour, minute int
	whole        bool // no time of day was written
}

// begins is the first instant of an edge in a year.
func (e edge) begins(year int, zone *time.Location) time.Time {
	return time.Date(year, e.month, e.day, e.hour, e.minute, 0, 0, zone).UTC()
}

// ends is the instant before which an edge ends: a whole day with the next one.
func (e edge) ends(year int, zone *time.Location) time.Time {
	if e.whole {
		e.day++
	}
	return e.begins(year, zone)
}

// readEdge reads "2026-12-20", "12-20" or "fri", and a time of day after it.
func readEdge(text Day) (edge, error) {
	date, clock, timed := strings.Cut(strings.ToLower(strings.TrimSpace(string(text))), " ")
	e := edge{whole: !timed}
	if timed {
		at, err := time.Parse("15:04", strings.TrimSpace(clock))
		if err != nil {
			return e, fmt.Errorf("%q: %q is no time of day; write it like 17:00", text, clock)
		}
		e.hour, e.minute = at.Hour(), at.Minute()
	}
	if day := slices.Index(weekdays, date); day >= 0 {
		e.kind, e.weekday = weekly, time.Weekday(day)
		return e, nil
	}
	if at, err := time.Parse("01-02", date); err == nil {
		e.kind, e.month, e.day = yearly, at.Month(), at.Day()
		return e, nil
	}
	at, err := time.Parse("2006-01-02", date)
	if err != nil {
		return e, fmt.Errorf("%q is no day: write 2026-12-20 (once), 12-20 (every year) or fri (every week), and a time of day after it if the day does not count whole", text)
	}
	e.year, e.month, e.day = at.Year(), at.Month(), at.Day()
	return e, nil
}

// read gives both ends, which are of one kind, and the zone in which they count.
func (f Freeze) read() (from, until edge, zone *time.Location, err error) {
	if from, err = readEdge(f.From); err != nil {
		return from, until, nil, fmt.Errorf("from: %w", err)
	}
	if until, err = readEdge(f.Until); err != nil {
		return from, until, nil, fmt.Errorf("until: %w", err)
	}
	if zone, err = people.Zone(f.TimeZone); err != nil {
		return from, until, nil, fmt.Errorf("timezone: %w", err)
	}
	switch {
	case from.kind != until.kind:
		err = fmt.Errorf("until: %q does not go with from %q: write both as dates, as days of the year or as days of the week", f.Until, f.From)
	case from.kind == dated && !until.ends(until.year, zone).After(from.begins(from.year, zone)):
		err = fmt.Errorf("until: %q is not after from %q", f.Until, f.From)
	}
	return from, until, zone, err
}

// checkFreezes tells what is wrong with each freeze, and refuses freezes that no
// certificate could ever live with.
func (p Policy) checkFreezes(f *faults) {
	before := len(*f)
	for i, z := range p.Freezes {
		path := fmt.Sprintf("freezes[%d]", i)
		if z.Name == "" {
			f.add(path+".name", "a freeze needs a name: it is shown wherever it holds something back")
		}
		if slices.ContainsFunc(p.Freezes[:i], func(o Freeze) bool { return o.Name == z.Name }) {
			f.add(path+".name", "%q stands here a second time", z.Name)
		}
		if _, _, _, err := z.read(); err != nil {
			*f = append(*f, fmt.Errorf("%s.%w", path, err))
		}
		for _, s := range z.Stops {
			if s != DoIssue && s != DoDeploy {
				f.add(path+".stops", "%q is not one of issue, deploy", s)
			}
		}
	}
	if len(*f) > before {
		return
	}
	if why := p.Unsatisfiable(longestLifetime); why != "" {
		f.add("freezes", "%s", why)
	}
}

// longestLifetime is that of the certificate that can wait longest: no public CA
// issues longer ones.
const longestLifetime = 398 * 24 * time.Hour

// Unsatisfiable says why the freezes leave a certificate of a lifetime no time to
// be renewed in; "" if they leave enough. One that is issued right before a
// freeze must be safe until after it.
func (p Policy) Unsatisfiable(lifetime time.Duration) string {
	lifetime = inclusive(lifetime)
	need := p.AttemptTimeout.Of(lifetime)
	calm := lifetime - p.LastSafe.Of(lifetime)
	for _, z := range p.Freezes {
		for year := 2026; year < 2032; year++ {
			for _, o := range z.near(time.Date(year, 7, 1, 0, 0, 0, 0, time.UTC)) {
				f, ok := p.frozen(o.from, need, DoIssue, DoDeploy)
				switch {
				case !ok:
				case f.endless():
					return fmt.Sprintf("%s leave no time at all, for ever: there is never a gap of %s, which one attempt may take (attempt_timeout); leave one, or shorten them", quoted(f), FormatDuration(need))
				case f.Until.Sub(f.From)+need > calm:
					return fmt.Sprintf("%s last from %s until %s with no gap of %s, which one attempt may take (attempt_timeout): a certificate that lives %s and is renewed right before would reach its last safe moment (last_safe) in there; shorten them, or leave a gap",
						quoted(f), f.From.UTC().Format(time.RFC3339), f.Until.UTC().Format(time.RFC3339), FormatDuration(need), FormatDuration(lifetime.Truncate(time.Hour)))
				}
			}
		}
	}
	return ""
}

func quoted(f Frozen) string {
	out := make([]string, len(f.Names))
	for i, n := range f.Names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(out, " and ")
}
