package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Workdays says on which days what can wait is first told. Thresholds of P3 and
// P4 that fall on another day count from the same time of the last working day
// before; more urgent ones never move. The zero Workdays is every day.
type Workdays struct {
	Days     []string `mapstructure:"days" json:"days,omitempty"`         // mon to sun; empty: mon to fri
	Holidays []string `mapstructure:"holidays" json:"holidays,omitempty"` // 2027-01-01, or 2027-01-01 and its name
	// Calendars are names of files of holidays; config puts their days into Holidays.
	Calendars []string `mapstructure:"calendars" json:"calendars,omitempty"`
	TimeZone  string   `mapstructure:"timezone" json:"timezone"` // IANA name
}

// Earlier tells that something comes before its time, and why.
type Earlier struct {
	From    time.Time `json:"from"` // when it would have been, in the zone of the working days
	Because string    `json:"because"`
	Holiday string    `json:"holiday,omitempty"` // its name, where one is known
}

// Why something comes earlier.
const (
	MovedHoliday = "holiday"
	MovedDayOff  = "day-off"
)

var (
	usualWorkdays = []string{"mon", "tue", "wed", "thu", "fri"}
	weekdays      = append([]string{"sun"}, append(slices.Clone(usualWorkdays), "sat")...) // as time.Weekday counts
)

// IsZero reports that nothing was written.
func (w Workdays) IsZero() bool {
	return len(w.Days)+len(w.Holidays)+len(w.Calendars) == 0 && w.TimeZone == ""
}

func (w Workdays) equal(o Workdays) bool {
	return slices.Equal(w.Days, o.Days) && slices.Equal(w.Holidays, o.Holidays) && w.TimeZone == o.TimeZone
}

// off says why a day is no working day; nil if it is one.
func (w Workdays) off(at time.Time) *Earlier {
	days, date := w.Days, at.Format(time.DateOnly)
	if len(days) == 0 {
		days = usualWorkdays
	}
	for _, h := range w.Holidays {
		if on, name, _ := strings.Cut(h, " "); on == date {
			return &Earlier{From: at, Because: MovedHoliday, Holiday: name}
		}
	}
	if !slices.Contains(days, weekdays[at.Weekday()]) {
		return &Earlier{From: at, Because: MovedDayOff}
	}
	return nil
}

// move puts a threshold earlier by at most so long; where no working day is that
// near it stays.
func (w Workdays) move(t Instant, most time.Duration) Instant {
	if w.IsZero() || t.Severity != alert.P3 && t.Severity != alert.P4 {
		return t
	}
	zone, err := people.Zone(w.TimeZone)
	if err != nil {
		return t
	}
	local := t.At.In(zone)
	why := w.off(local)
	for at := local; why != nil; {
		at = at.AddDate(0, 0, -1)
		switch {
		case local.Sub(at) > most:
			return t
		case w.off(at) == nil:
			return Instant{At: at.UTC(), Severity: t.Severity, Earlier: why}
		}
	}
	return t
}

// maxHolidays bounds what each certificate carries with it; maxHolidayName is in characters.
const (
	maxHolidays    = 400
	maxHolidayName = 60
)

func (w Workdays) check(f *faults) {
	if w.IsZero() {
		return
	}
	for i, d := range w.Days {
		if !slices.Contains(weekdays, d) {
			f.add(fmt.Sprintf("workdays.days[%d]", i), "%q is not a day; write one of %s", d, strings.Join(weekdays, ", "))
		}
	}
	if len(w.Holidays) > maxHolidays {
		f.add("workdays.holidays", "are %d dates, and %d are the most; leave out what is past", len(w.Holidays), maxHolidays)
	}
	for i, d := range w.Holidays {
		date, name, _ := strings.Cut(d, " ")
		if _, err := time.Parse(time.DateOnly, date); err != nil || utf8.RuneCountInString(name) > maxHolidayName {
			f.add(fmt.Sprintf("workdays.holidays[%d]", i), "%q is not a date; write for example \"2027-01-01\" or \"2027-01-01 New Year\", in %d characters of name at most", clip(d), maxHolidayName)
		}
	}
	if _, err := people.Zone(w.TimeZone); err != nil {
		f.add("workdays.timezone", "%v", err)
	}
}
