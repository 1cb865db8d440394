package people

import (
	"fmt"
	"time"
)

// LocalTime is a date and a time of day as a clock on the wall shows them,
// without a zone.
type LocalTime struct{ at time.Time } // in UTC, whatever zone is meant

const localLayout = "2006-01-02 15:04"

// UnmarshalText reads "2026-11-30 09:00".
func (l *LocalTime) UnmarshalText(text []byte) error {
	at, err := time.Parse(localLayout, string(text))
	if err != nil {
		return fmt.Errorf("%q is not a local date and time; write for example 2026-11-30 09:00", text)
	}
	l.at = at
	return nil
}

// MarshalText writes it in the same way.
func (l LocalTime) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l LocalTime) String() string { return l.at.Format(localLayout) }

// IsZero reports that nothing was written.
func (l LocalTime) IsZero() bool { return l.at.IsZero() }

// in gives the instant at which the clocks of a zone show it.
func (l LocalTime) in(zone *time.Location) time.Time {
	return wall(l.at.Year(), l.at.Month(), l.at.Day(), l.at.Hour(), l.at.Minute(), zone)
}

// wall gives the first instant at which the clocks of a zone show a date and
// time or, where they are put forward past it, the instant of that change.
func wall(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	shown := time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
	at := time.Date(year, month, day, hour, minute, 0, 0, zone)
	_, offset := at.Zone()
	start, end := at.ZoneBounds()
	switch skipped := at.Add(time.Duration(offset) * time.Second).Sub(shown); { // time.Date takes either side of a gap
	case skipped > 0:
		return start
	case skipped < 0:
		return end
	case start.IsZero():
		return at
	}
	_, before := start.Add(-time.Second).Zone()
	if first := at.Add(time.Duration(offset-before) * time.Second); first.Before(start) {
		return first
	}
	return at
}
