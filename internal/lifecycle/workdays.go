package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// Workdays says on which days what can wait is first told. Thresholds of P3 and
// P4 that fall on another day count from the same time of the last working day
// before; more urgent ones never move. The zero Workdays is every day.
type Workdays struct {
	Days     []string `mapstructure:"days" json:"days,omitempty"`         // mon to sun; empty: mon to fri
	Holidays []string `mapstructure:"holidays" json:"holidays,omitempty"` // 2027-01-01
	TimeZone string   `mapstructure:"timezone" json:"timezone"`           // IANA name
}

// Why a threshold was moved.
const (
	MovedHoliday = "holiday"
	MovedDayOff  = "day-off"
)

var (
	usualWorkdays = []string{"mon", "tue", "wed", "thu", "fri"}
	weekdays      = append([]string{"sun"}, append(slices.Clone(usualWorkdays), "sat")...) // as time.Weekday counts
)

// IsZero reports that nothing was written.
func (w Workdays) IsZero() bool { return len(w.Days) == 0 && len(w.Holidays) == 0 && w.TimeZone == "" }

func (w Workdays) equal(o Workdays) bool {
	return slices.Equal(w.Days, o.Days) && slices.Equal(w.Holidays, o.Holidays) && w.TimeZone == o.TimeZone
}

// off says why a day is no working day; empty if it is one.
func (w Workdays) off(at time.Time) string {
	days := w.Days
	if len(days) == 0 {
		days = usualWorkdays
	}
	switch {
	case slices.Contains(w.Holidays, at.Format(time.DateOnly)):
		return MovedHoliday
	case !slices.Contains(days, weekdays[at.Weekday()]):
		return MovedDayOff
	}
	return ""
}

// move puts a threshold earlier by at most so long; where no working day is that
// near it stays.
func (w Workdays) move(t Instant, most time.Duration) Instant {
	if w.IsZero() || t.Severity != alert.P3 && t.Severity != alert.P4 {
		return t
	}
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		return t
	}
	local := t.At.In(zone)
	why := w.off(local)
	for at := local; why != ""; {
		at = at.AddDate(0, 0, -1)
		switch {
		case local.Sub(at) > most:
			return t
		case w.off(at) == "":
			return Instant{At: at.UTC(), Severity: t.Severity, Moved: local, Because: why}
		}
	}
	return t
}

func (w Workdays) check(f *faults) {
	if w.IsZero() {
		return
	}
	for i, d := range w.Days {
		if !slices.Contains(weekdays, d) {
			f.add(fmt.Sprintf("workdays.days[%d]", i), "%q is not a day; write one of %s", d, strings.Join(weekdays, ", "))
		}
	}
	for i, d := range w.Holidays {
		if _, err := time.Parse(time.DateOnly, d); err != nil {
			f.add(fmt.Sprintf("workdays.holidays[%d]", i), "%q is not a date; write for example \"2027-01-01\"", d)
		}
	}
	if w.TimeZone == "" || w.TimeZone == "Local" {
		f.add("workdays.timezone", "%q is not an IANA time zone; write for example Asia/Seoul", w.TimeZone)
	} else if _, err := time.LoadLocation(w.TimeZone); err != nil {
		f.add("workdays.timezone", "%q is not an IANA time zone; write for example Asia/Seoul", w.TimeZone)
	}
}
