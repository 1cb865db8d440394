// Package calendar reads from files in iCalendar format (RFC 5545), as national
// holidays are published in, which days are holidays. config calls it. It opens
// no file, asks no clock and fetches nothing; what falls on a holiday is decided
// by lifecycle.
package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Bounds of what is read.
const (
	MaxSize   = 1 << 20 // bytes
	maxEvents = 5000
	maxRules  = 500    // events that recur by a rule
	maxSteps  = 20_000 // periods and occurrences of all rules together
	maxLong   = 366    // days that one event takes
	maxDays   = 400    // in the span that is asked for
	maxName   = 60     // characters
)

// Day is one holiday.
type Day struct {
	Date string // 2027-01-01
	Name string // in at most 60 printable characters; may be empty
}

// String gives the day as policies list holidays.
func (d Day) String() string { return strings.TrimSpace(d.Date + " " + d.Name) }

// Read gives the holidays of a file from one date until before another, by date,
// each date once under the name that comes first in the file. An event counts on
// every day that it takes as a whole by the clocks of its own zone, so a meeting
// does not count; nor does what is cancelled, nor an event with one of the texts
// to skip in its summary, description or categories. An error begins with the
// number of the line.
func Read(content []byte, from, until time.Time, skip []string) ([]Day, error) {
	events, err := parse(content)
	if err != nil {
		return nil, err
	}
	moved := instead(events)
	names := map[string]string{}
	rules, budget := 0, maxSteps
	for _, e := range events {
		if rules += len(e.props["RRULE"]); rules > maxRules {
			return nil, fmt.Errorf("line %d: more than %d events recur by a rule; take a calendar that holds holidays only", e.line, maxRules)
		}
		dates, err := e.dates(from, until, moved, &budget)
		if err != nil {
			return nil, err
		}
		if e.skipped(skip) {
			continue
		}
		for _, d := range dates {
			if _, known := names[d]; !known {
				names[d] = e.name()
			}
		}
		if len(names) > maxDays {
			return nil, fmt.Errorf("line %d: more than %d holidays between %s and %s; take a calendar that holds holidays only", e.line, maxDays, from.Format(time.DateOnly), until.Format(time.DateOnly))
		}
	}
	out := make([]Day, 0, len(names))
	for date, name := range names {
		out = append(out, Day{date, name})
	}
	slices.SortFunc(out, func(a, b Day) int { return strings.Compare(a.Date, b.Date) })
	return out, nil
}

func (e event) skipped(texts []string) bool {
	if strings.EqualFold(e.text("STATUS"), "CANCELLED") {
		return true
	}
	said := strings.ToLower(e.text("SUMMARY") + "\n" + e.text("DESCRIPTION") + "\n" + e.text("CATEGORIES"))
	return slices.ContainsFunc(texts, func(t string) bool { return t != "" && strings.Contains(said, strings.ToLower(t)) })
}

// name is the summary in one line that can be shown.
func (e event) name() string {
	shown := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || unicode.IsSpace(r) {
			return r
		}
		return -1
	}, e.text("SUMMARY"))
	runes := []rune(strings.Join(strings.Fields(shown), " "))
	if len(runes) > maxName {
		runes = append(runes[:maxName-1], '…')
	}
	return string(runes)
}
