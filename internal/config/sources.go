package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Source is a named source of the inventory: something that is gone through
// regularly for the certificates that are there.
type Source struct {
	Adapter `mapstructure:",squash"`
	// At is the time of day of its run, in TimeZone; empty: 03:00. Every replaces it.
	At       string        `mapstructure:"at"`
	TimeZone string        `mapstructure:"timezone"` // IANA name; empty: UTC
	Every    time.Duration `mapstructure:"every"`    // from one run to the next; 0: a day
	Team     string        `mapstructure:"team"`     // told when it does not complete; empty: the catch-all team
}

// night is when a source is gone through of which nothing else is said.
const night = "03:00"

// Bounds of Every.
const (
	minEvery = time.Second
	maxEvery = 31 * 24 * time.Hour
)

// Daily gives the time of day of a source that has one.
func (s Source) Daily() (hour, minute int, ok bool) {
	if s.Every > 0 {
		return 0, 0, false
	}
	text := s.At
	if text == "" {
		text = night
	}
	at, err := time.Parse("15:04", text)
	return at.Hour(), at.Minute(), err == nil
}

// Interval is from one run to the next.
func (s Source) Interval() time.Duration {
	if s.Every > 0 {
		return s.Every
	}
	return 24 * time.Hour
}

func (c Config) validateSources() error {
	var adapters []Adapter
	var errs []error
	for i, s := range c.Sources {
		adapters = append(adapters, s.Adapter)
		path := fmt.Sprintf("sources[%d]", i)
		if _, _, ok := s.Daily(); !ok && s.Every == 0 {
			errs = append(errs, wrong(path+".at", "%q is not a time of day; write it like 03:00", s.At))
		}
		if s.Every != 0 && s.At != "" {
			errs = append(errs, wrong(path+".every", "stands beside at; keep one of them"))
		}
		if s.Every != 0 && (s.Every < minEvery || s.Every > maxEvery) {
			errs = append(errs, wrong(path+".every", "%s is not between %s and %s", lifecycle.FormatDuration(s.Every), lifecycle.FormatDuration(minEvery), lifecycle.FormatDuration(maxEvery)))
		}
		if _, err := people.Zone(s.TimeZone); err != nil && s.TimeZone != "" {
			errs = append(errs, wrong(path+".timezone", "%v", err))
		}
		if _, known := c.Directory().Team(s.Team); s.Team != "" && !known {
			errs = append(errs, wrong(path+".team", "%q is not a team of the directory", s.Team))
		}
	}
	return errors.Join(append(errs, validateAdapters("sources", adapters))...)
}
