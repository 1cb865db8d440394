package alert

import (
	"strconv"
	"time"
	_ "time/tzdata" // readers' zones must be known in an image without them, too

	"github.com/neverlapse/neverlapse/internal/cert"
)

const stamp = "2006-01-02 15:04 MST"

// zone gives the reader's zone; UTC where it is empty or unknown.
func zone(name string) *time.Location {
	if name == "Local" {
		return time.UTC
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return loc
}

// both shows an instant in the reader's zone and in UTC.
func (r reader) both(t time.Time) string {
	utc := t.UTC().Format(stamp)
	if r.zone == time.UTC {
		return utc
	}
	return t.In(r.zone).Format(stamp) + " (" + utc + ")"
}

// span says how long: whole days, hours under two days, minutes under two hours.
func (r reader) span(l cert.Left) string {
	unit := "days"
	switch l.Unit {
	case time.Minute:
		unit = "minutes"
	case time.Hour:
		unit = "hours"
	}
	switch l.N {
	case 0:
		return r.say("duration.none")
	case 1:
		return r.say("duration." + unit + ".one")
	}
	return r.say("duration."+unit, "n", strconv.Itoa(l.N))
}

// expiry says how far the end is, in one of three forms: a clause ("expiry"),
// a remark ("short") or the rest alone ("left").
func (r reader) expiry(form string, v cert.Version, now time.Time) string {
	if v.NotAfter.IsZero() {
		return r.say(form + ".none")
	}
	left, when := cert.LeftUntil(now, v.NotAfter), ".future"
	if left.Passed {
		when = ".past"
	}
	return r.say(form+when, "duration", r.span(left))
}

// at says when in a sentence about what comes next.
func (r reader) at(t time.Time) string {
	if t.IsZero() {
		return r.say("soon")
	}
	return r.say("at", "time", r.both(t))
}
