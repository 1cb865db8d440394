package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/calendar"
)

// calendarYears is how many years of holidays a policy carries, this one included.
const calendarYears = 3

// Calendar is a file of holidays.
type Calendar struct {
	Name string `mapstructure:"name"`
	File string `mapstructure:"file"` // in iCalendar format
	// Skip lists texts; an event that has one of them is no holiday.
	Skip []string `mapstructure:"skip"`
	// Days are its holidays of this year and the next ones, by date. Load fills them in.
	Days []calendar.Day `mapstructure:"-"`
}

// readCalendars reads the files and gives policies the holidays of those they name.
func (c *Config) readCalendars(now time.Time) (errs []error) {
	year := now.UTC().Year()
	from, until := newYear(year), newYear(year+calendarYears)
	for i := range c.Calendars {
		if err := c.Calendars[i].read(from, until); err != nil {
			errs = append(errs, wrong(fmt.Sprintf("calendars[%d].file", i), "%v", err))
		}
	}
	for i := range c.Policies {
		errs = append(errs, c.addHolidays(i)...)
	}
	return errs
}

func newYear(year int) time.Time { return time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC) }

func (c *Calendar) read(from, until time.Time) error {
	if c.File == "" {
		return fmt.Errorf("is empty; name a file in iCalendar format (.ics)")
	}
	info, err := os.Stat(c.File)
	if err == nil && !info.Mode().IsRegular() { // to open a pipe would wait
		err = fmt.Errorf("%s is no file; name one in iCalendar format (.ics)", c.File)
	}
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, calendar.MaxSize+1))
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if c.Days, err = calendar.Read(content, from, until, c.Skip); err != nil {
		where, what, _ := strings.Cut(strings.TrimPrefix(err.Error(), "line "), ":")
		return fmt.Errorf("%s:%s:%s", c.File, where, what)
	}
	return nil
}

// addHolidays puts the days of a policy's calendars behind those that it lists
// itself, and each date once.
func (c *Config) addHolidays(policy int) (errs []error) {
	w := &c.Policies[policy].Workdays
	seen := map[string]bool{}
	for _, h := range w.Holidays {
		date, _, _ := strings.Cut(h, " ")
		seen[date] = true
	}
	w.Holidays = slices.Clone(w.Holidays)
	for j, name := range w.Calendars {
		i := slices.IndexFunc(c.Calendars, func(k Calendar) bool { return k.Name == name })
		if i < 0 {
			errs = append(errs, wrong(fmt.Sprintf("policies[%d].workdays.calendars[%d]", policy, j), "no calendar is called %q; add it under calendars or correct the name", name))
			continue
		}
		for _, d := range c.Calendars[i].Days {
			if !seen[d.Date] {
				w.Holidays = append(w.Holidays, d.String())
			}
			seen[d.Date] = true
		}
	}
	return errs
}

func (c Config) validateCalendars() error {
	names := names{section: "calendars"}
	for i, k := range c.Calendars {
		names.add(i, k.Name)
	}
	return errors.Join(names.errs...)
}

// CalendarNotes tells which calendars come to their end, so that a newer file is
// put in place before holidays are forgotten.
func (c Config) CalendarNotes(now time.Time) (out []string) {
	for i, k := range c.Calendars {
		last := "none from this year on"
		if n := len(k.Days); n > 0 {
			last = "the last on " + k.Days[n-1].String()
			if soon := now.Add(90 * 24 * time.Hour).UTC().Format(time.DateOnly); k.Days[n-1].Date > soon {
				continue
			}
		}
		out = append(out, fmt.Sprintf("calendars[%d]: %q knows no holiday after the next 90 days (%s); put a newer file in the place of %s", i, k.Name, last, k.File))
	}
	return out
}
