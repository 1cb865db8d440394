package calendar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/people"
)

const (
	dateLayout  = "20060102"
	localLayout = "20060102T150405"
)

// moment is a date, or a date and time.
type moment struct {
	at     time.Time // in its zone; a date, and what names none that is known: in UTC
	allDay bool
}

// moment reads one value of DTSTART, DTEND, RDATE, EXDATE or RECURRENCE-ID.
func (p prop) moment(value string) (moment, error) {
	value, _, _ = strings.Cut(value, "/") // of a period, the beginning
	m := moment{}
	zone, err := people.Zone(p.zone)
	if err != nil {
		zone = time.UTC
	}
	switch {
	case len(value) == len(dateLayout):
		m.allDay = true
		m.at, err = time.Parse(dateLayout, value)
	case strings.HasSuffix(value, "Z"):
		m.at, err = time.Parse(localLayout, strings.TrimSuffix(value, "Z"))
		m.at = m.at.In(zone)
	default:
		m.at, err = time.ParseInLocation(localLayout, value, zone)
	}
	if err != nil || m.at.Year() < 1900 || m.at.Year() > 2200 {
		return moment{}, fmt.Errorf("line %d: %q is not a date between 1900 and 2200; write for example 20270101", p.line, short(value))
	}
	return m, nil
}

// start says when an event begins and how long it takes.
func (e event) start() (moment, time.Duration, error) {
	if len(e.props["DTSTART"]) != 1 {
		return moment{}, 0, fmt.Errorf("line %d: the event has no DTSTART, or several", e.line)
	}
	p := e.props["DTSTART"][0]
	m, err := p.moment(p.value)
	if err != nil {
		return moment{}, 0, err
	}
	long := time.Duration(0)
	if m.allDay {
		long = 24 * time.Hour
	}
	switch ends, lasts := e.props["DTEND"], e.props["DURATION"]; {
	case len(ends) > 0:
		end, err := ends[0].moment(ends[0].value)
		if err != nil {
			return moment{}, 0, err
		}
		if end.at.After(m.at) || !m.allDay { // some write the last day where RFC 5545 wants the one after
			long = end.at.Sub(m.at)
		}
		if end.at.Before(m.at) {
			return moment{}, 0, fmt.Errorf("line %d: the event ends before it begins", ends[0].line)
		}
	case len(lasts) > 0:
		if long, err = duration(lasts[0]); err != nil {
			return moment{}, 0, err
		}
	}
	if long > maxLong*24*time.Hour {
		return moment{}, 0, fmt.Errorf("line %d: the event takes more than %d days; take a calendar that holds holidays only", e.line, maxLong)
	}
	return m, long, nil
}

// lasting is a duration (RFC 5545, 3.3.6).
var lasting = regexp.MustCompile(`^\+?P(?:(\d{1,3})W)?(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?$`)

func duration(p prop) (time.Duration, error) {
	found := lasting.FindStringSubmatch(p.value)
	if found == nil {
		return 0, fmt.Errorf("line %d: %q is not a duration; write for example P1D", p.line, short(p.value))
	}
	out := time.Duration(0)
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi("0" + found[i+1]) // digits only, and few
		out += time.Duration(n) * unit
	}
	return out, nil
}

// whole lists the dates that something takes from midnight to midnight, where
// it begins and while it lasts.
func whole(at time.Time, long time.Duration) []string {
	var out []string
	end := at.Add(long)
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
	if day.Before(at) {
		day = day.AddDate(0, 0, 1)
	}
	for next := day.AddDate(0, 0, 1); !next.After(end); day, next = next, next.AddDate(0, 0, 1) {
		out = append(out, day.Format(time.DateOnly))
	}
	return out
}
