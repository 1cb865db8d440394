package calendar

import (
	"fmt"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// instead lists which occurrences of recurring events others stand for, by UID
// and time (RFC 5545, 3.8.4.4).
func instead(events []event) map[string]bool {
	out := map[string]bool{}
	for _, e := range events {
		for _, p := range e.props["RECURRENCE-ID"] {
			if m, err := p.moment(p.value); err == nil {
				out[occurrence(e.text("UID"), m)] = true
			}
		}
	}
	return out
}

func occurrence(uid string, m moment) string {
	if m.allDay {
		return uid + " " + m.at.Format(dateLayout)
	}
	return uid + " " + m.at.UTC().Format(localLayout)
}

// dates lists the days of an event from one date until before another. What
// its rules take to follow is taken off the budget.
func (e event) dates(from, until time.Time, moved map[string]bool, budget *int) ([]string, error) {
	first, long, err := e.start()
	if err != nil {
		return nil, err
	}
	if p := e.props["EXRULE"]; len(p) > 0 {
		return nil, fmt.Errorf("line %d: EXRULE was withdrawn by RFC 5545 and is not read; use EXDATE", p[0].line)
	}
	begins, err := e.begins(first, until, budget)
	if err != nil {
		return nil, err
	}
	except := map[string]bool{}
	gone, err := e.moments("EXDATE")
	if err != nil {
		return nil, err
	}
	for _, m := range gone {
		except[occurrence("", m)] = true
	}
	uid, master := e.text("UID"), len(e.props["RECURRENCE-ID"]) == 0
	var out []string
	for _, m := range begins {
		if except[occurrence("", m)] || master && moved[occurrence(uid, m)] {
			continue
		}
		for _, d := range whole(m.at, long) {
			if d >= from.Format(time.DateOnly) && d < until.Format(time.DateOnly) {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

// begins lists when an event begins: once, at further dates, and by its rules.
func (e event) begins(first moment, until time.Time, budget *int) ([]moment, error) {
	out := []moment{first}
	more, err := e.moments("RDATE")
	if err != nil {
		return nil, err
	}
	out = append(out, more...)
	for _, p := range e.props["RRULE"] {
		rule, err := ruleOf(p, first, until)
		if err != nil {
			return nil, err
		}
		*budget -= steps(rule.OrigOptions, until)
		next := rule.Iterator()
		for *budget >= 0 {
			at, ok := next()
			if !ok {
				break
			}
			*budget--
			out = append(out, moment{at: at, allDay: first.allDay})
		}
		if *budget < 0 {
			return nil, fmt.Errorf("line %d: the rules up to here take more than %d steps; take a calendar that holds holidays only, or begin DTSTART later", p.line, maxSteps)
		}
	}
	return out, nil
}

// steps is how many periods are looked at for a rule, whether or not anything
// falls into them.
func steps(o rrule.ROption, until time.Time) int {
	period := map[rrule.Frequency]int{rrule.YEARLY: 365, rrule.MONTHLY: 28, rrule.WEEKLY: 7, rrule.DAILY: 1}[o.Freq]
	return max(0, int(until.Sub(o.Dtstart).Hours())/24/period/max(1, o.Interval))
}

func (e event) moments(name string) ([]moment, error) {
	var out []moment
	for _, p := range e.props[name] {
		for value := range strings.SplitSeq(p.value, ",") {
			m, err := p.moment(value)
			if err != nil {
				return nil, err
			}
			out = append(out, m)
		}
	}
	return out, nil
}

// knownParts are those of a rule by which days recur.
var knownParts = map[string]bool{
	"FREQ": true, "INTERVAL": true, "COUNT": true, "UNTIL": true, "WKST": true, "BYMONTH": true,
	"BYMONTHDAY": true, "BYDAY": true, "BYYEARDAY": true, "BYWEEKNO": true, "BYSETPOS": true,
}

// ruleOf reads a rule (RFC 5545, 3.3.10), which ends where nobody asks any more.
func ruleOf(p prop, first moment, until time.Time) (*rrule.RRule, error) {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("line %d: the rule %q cannot be read: %s", p.line, short(p.value), fmt.Sprintf(format, args...))
	}
	text := strings.ToUpper(p.value)
	for part := range strings.SplitSeq(text, ";") {
		if key, _, _ := strings.Cut(part, "="); !knownParts[key] {
			return nil, refuse("%q is no part of a rule for days", short(key))
		}
	}
	o, err := rrule.StrToROptionInLocation(text, first.at.Location())
	if err != nil {
		return nil, refuse("%v", err)
	}
	switch {
	case o.Freq > rrule.DAILY:
		return nil, refuse("days recur YEARLY, MONTHLY, WEEKLY or DAILY")
	case o.Interval < 0 || o.Interval > 1000:
		return nil, refuse("INTERVAL is between 1 and 1000")
	case o.Count < 0:
		return nil, refuse("COUNT is above 0")
	}
	o.Dtstart = first.at
	if o.Until.IsZero() || o.Until.After(until) {
		o.Until = until
	}
	rule, err := rrule.NewRRule(*o)
	if err != nil {
		return nil, refuse("%v", err)
	}
	return rule, nil
}
