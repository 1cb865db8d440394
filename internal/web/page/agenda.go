package page

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// day is one day of the agenda, in the reader's zone.
type day struct {
	Name  string // today, tomorrow, or the day of the week
	Date  string
	Items []item
}

// item is one thing that will be due.
type item struct {
	At          time.Time
	Certificate string
	What        string
	Loud        bool // people are told then
}

// agenda lists what comes in the next seven days, by day. Of certificates that
// have spoken it tells everything, of others the next step.
func agenda(r reader, rows []Row, said map[string]workflows.Status) []day {
	var items []item
	for _, row := range rows {
		s, ok := said[row.Name]
		if !ok {
			items = append(items, item{At: row.NextStepAt, Certificate: row.Name, What: r.T("week.step")})
			continue
		}
		for _, e := range s.Upcoming {
			if e.At.Before(r.Now) || !e.At.Before(r.Now.Add(weekAhead)) {
				continue
			}
			loud := e.Reason == lifecycle.UntilThreshold || e.Reason == lifecycle.UntilEscalation || e.Reason == lifecycle.UntilAckLapses || e.Reason == lifecycle.UntilSnoozeEnds
			items = append(items, item{At: e.At, Certificate: row.Name, What: event(r, e, s), Loud: loud})
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return a.At.Compare(b.At) })
	var out []day
	for _, i := range items {
		d := dayOf(r, i.At)
		if len(out) == 0 || out[len(out)-1].Date != d.Date {
			out = append(out, d)
		}
		last := &out[len(out)-1]
		last.Items = append(last.Items, i)
	}
	return out
}

func dayOf(r reader, t time.Time) day {
	date := func(t time.Time) string { return t.In(r.Zone).Format(time.DateOnly) }
	weekday := r.T("weekday." + strconv.Itoa(int(t.In(r.Zone).Weekday())))
	both := r.T("time.day", "weekday", weekday, "date", date(t))
	switch date(t) {
	case date(r.Now):
		return day{Name: r.T("week.today"), Date: both}
	case date(r.Now.AddDate(0, 0, 1)):
		return day{Name: r.T("week.tomorrow"), Date: both}
	}
	return day{Name: weekday, Date: date(t)}
}

// event says what will be due.
func event(r reader, e lifecycle.Event, s workflows.Status) string {
	i := slices.IndexFunc(s.Plan.Thresholds, func(t lifecycle.Instant) bool { return t.At.Equal(e.At) })
	switch {
	case e.Reason == lifecycle.UntilThreshold && i >= 0 && i == len(s.Plan.Thresholds)-1:
		return r.T("event.ends")
	case e.Reason == lifecycle.UntilThreshold && i >= 0:
		left := s.State.Live.NotAfter.Sub(e.At).Round(time.Minute)
		text := r.T("event.threshold", "severity", string(s.Plan.Thresholds[i].Severity), "span", r.Span(left))
		if e := s.Plan.Thresholds[i].Earlier; e != nil {
			text += " " + r.T("event.moved-"+e.Because, "date", strings.TrimSpace(e.From.Format(time.DateOnly)+" "+alert.Clean(e.Holiday)))
		}
		return text
	}
	return r.or("event."+string(e.Reason), "event.other", "reason", alert.Clean(string(e.Reason)))
}
