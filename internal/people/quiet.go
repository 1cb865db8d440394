package people

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxQuiet is how long quiet hours last at most without a break.
const MaxQuiet = 4 * day

// Quiet are hours in which somebody is not interrupted by what can wait. They
// begin at From on each of Days and last until Until, on the next day if that is
// not later than From, by the clocks on the wall.
type Quiet struct {
	From  WallTime `mapstructure:"from" json:"from"`
	Until WallTime `mapstructure:"until" json:"until"`
	Days  []string `mapstructure:"days" json:"days,omitempty"` // mon to sun, on which they begin; empty: every day
}

// WallTime is a time of day as clocks on the wall show it.
type WallTime struct{ minutes int }

// UnmarshalText reads "20:00".
func (w *WallTime) UnmarshalText(text []byte) error {
	at, err := time.Parse("15:04", string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time of day; write for example \"20:00\", in quotes", text)
	}
	w.minutes = at.Hour()*60 + at.Minute()
	return nil
}

// MarshalText writes it in the same way.
func (w WallTime) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w WallTime) String() string { return fmt.Sprintf("%02d:%02d", w.minutes/60, w.minutes%60) }

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday counts

// end is when the hours that began on the date of a day end; the zero time if
// they do not begin there, or end before an instant or begin after it.
func (q Quiet) end(date, at time.Time) time.Time {
	if len(q.Days) > 0 && !slices.Contains(q.Days, weekdays[date.Weekday()]) {
		return time.Time{}
	}
	on := func(days int, w WallTime) time.Time {
		return wall(date.Year(), date.Month(), date.Day()+days, w.minutes/60, w.minutes%60, date.Location())
	}
	begin, end := on(0, q.From), on(0, q.Until)
	if q.Until.minutes <= q.From.minutes {
		end = on(1, q.Until)
	}
	if at.Before(begin) || !at.Before(end) {
		return time.Time{}
	}
	return end
}

// quietUntil is when quiet hours end that hold at an instant, those that follow
// without a break included; the zero time if none hold, or if they hardly end.
func quietUntil(hours []Quiet, zone string, at time.Time) time.Time {
	where, err := Zone(zone)
	if err != nil || len(hours) == 0 {
		return time.Time{}
	}
	end := at
	for again := true; again; {
		again = false
		local := end.In(where)
		noon := time.Date(local.Year(), local.Month(), local.Day(), 12, 0, 0, 0, where)
		for _, q := range hours {
			for _, began := range []time.Time{noon.AddDate(0, 0, -1), noon} {
				if until := q.end(began, end); until.After(end) {
					end, again = until, true
				}
			}
		}
		if end.Sub(at) > MaxQuiet {
			return time.Time{}
		}
	}
	if end.Equal(at) {
		return time.Time{}
	}
	return end
}

// quiet says what is wrong with somebody's quiet hours.
func (c *check) quiet(at string, hours []Quiet, zone string) {
	for i, q := range hours {
		for j, d := range q.Days {
			if !slices.Contains(weekdays, d) {
				c.failf("%s.quiet[%d].days[%d]: %q is not a day; write one of %s", at, i, j, d, strings.Join(weekdays, ", "))
			}
		}
	}
	if len(hours) == 0 {
		return
	}
	if zone == "" {
		c.failf("%s.timezone: is missing, and there are quiet hours; write for example Asia/Seoul", at)
		return
	}
	week := time.Date(2027, time.January, 3, 0, 0, 0, 0, time.UTC)
	for _, q := range hours {
		for d := range 7 {
			begin := LocalTime{week.AddDate(0, 0, d).Add(time.Duration(q.From.minutes) * time.Minute)}
			where, err := Zone(zone)
			if err != nil { // it was said
				return
			}
			if instant := begin.in(where); !q.end(time.Date(2027, time.January, 3+d, 12, 0, 0, 0, where), instant).IsZero() && quietUntil(hours, zone, instant).IsZero() {
				c.failf("%s.quiet: lasts longer than %d days without a break; leave some time in which people can be told", at, MaxQuiet/day)
				return
			}
		}
	}
}
