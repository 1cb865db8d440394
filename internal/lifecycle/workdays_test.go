package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestWhatCanWaitIsToldOnTheLastWorkingDayBefore(t *testing.T) {
	seoul := Workdays{Holidays: []string{"2027-01-01", "2027-02-08", "2027-02-09"}, TimeZone: "Asia/Seoul"}
	berlin := Workdays{TimeZone: "Europe/Berlin"}
	most := 9 * day
	for name, c := range map[string]struct {
		w        Workdays
		severity alert.Severity
		at, want string
		because  string
	}{
		"a working day stays": {seoul, alert.P4, "2026-12-31T03:00:00Z", "2026-12-31T03:00:00Z", ""},
		"a holiday":           {seoul, alert.P4, "2027-01-01T03:00:00Z", "2026-12-31T03:00:00Z", MovedHoliday},
		"a holiday there, still the day before in UTC": {seoul, alert.P3, "2026-12-31T16:00:00Z", "2026-12-30T16:00:00Z", MovedHoliday},
		"a Sunday after a holiday":                     {seoul, alert.P3, "2027-01-03T03:00:00Z", "2026-12-31T03:00:00Z", MovedDayOff},
		"holidays after a weekend":                     {seoul, alert.P3, "2027-02-09T03:00:00Z", "2027-02-05T03:00:00Z", MovedHoliday},
		"pages never move":                             {seoul, alert.P2, "2027-01-01T03:00:00Z", "2027-01-01T03:00:00Z", ""},
		"nor what ends":                                {seoul, alert.P1, "2027-01-01T03:00:00Z", "2027-01-01T03:00:00Z", ""},
		"the Sunday on which clocks go forward":        {berlin, alert.P3, "2027-03-28T10:00:00Z", "2027-03-26T11:00:00Z", MovedDayOff},
		"the Sunday on which clocks go back":           {berlin, alert.P3, "2027-10-31T11:00:00Z", "2027-10-29T10:00:00Z", MovedDayOff},
		"Sundays are worked, Fridays not":              {Workdays{Days: []string{"sun", "mon", "tue", "wed", "thu"}, TimeZone: "Asia/Riyadh"}, alert.P3, "2027-01-08T10:00:00Z", "2027-01-07T10:00:00Z", MovedDayOff},
		"nothing configured":                           {Workdays{}, alert.P4, "2027-01-02T03:00:00Z", "2027-01-02T03:00:00Z", ""},
		"only Mondays, and none is near enough":        {Workdays{Days: []string{"mon"}, Holidays: []string{"2027-01-04", "2026-12-28"}, TimeZone: "Asia/Seoul"}, alert.P4, "2027-01-05T03:00:00Z", "2027-01-05T03:00:00Z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			at, _ := time.Parse(time.RFC3339, c.at)
			got := c.w.move(Instant{At: at, Severity: c.severity}, most)
			because := ""
			if got.Earlier != nil {
				if because = got.Earlier.Because; !got.Earlier.From.Equal(at) {
					t.Errorf("moved from %s", got.Earlier.From)
				}
			}
			if got.At.Format(time.RFC3339) != c.want || because != c.because {
				t.Errorf("%s (%s), want %s (%s)", got.At, because, c.want, c.because)
			}
		})
	}
}

func TestOnlyThresholdsThatInformMoveAndShortLivesKeepTheirs(t *testing.T) {
	p := Default()
	p.Workdays = Workdays{TimeZone: "Asia/Seoul"}
	for _, c := range []struct {
		lifetime time.Duration
		moved    bool
	}{{90 * day, true}, {6 * day, false}} {
		for hour := range 24 * 14 {
			v := cert.Version{NotBefore: epoch.Add(time.Duration(hour) * time.Hour), NotAfter: epoch.Add(time.Duration(hour)*time.Hour + c.lifetime)}
			plain, plan := PlanOf(v, nil, Default()), PlanOf(v, nil, p)
			for i, got := range plan.Thresholds {
				want := plain.Thresholds[i]
				switch earlier := want.At.Sub(got.At); {
				case earlier < 0 || earlier > c.lifetime/10 || earlier > 0 && (i > 2 || got.Earlier == nil):
					t.Fatalf("threshold %d of %s is at %s instead of %s", i, c.lifetime, got.At, want.At)
				case got.Severity != want.Severity:
					t.Fatalf("%+v", got)
				}
				if i < 2 && c.moved {
					zone, _ := time.LoadLocation("Asia/Seoul")
					if p.Workdays.off(got.At.In(zone)) != nil {
						t.Fatalf("threshold %d falls on %s", i, got.At.In(zone).Weekday())
					}
				}
			}
		}
	}
}

func TestWorkdaysThatCannotBeMeantAreRefused(t *testing.T) {
	for want, w := range map[string]Workdays{
		`workdays.days[0]: "monday" is not a day; write one of sun, mon`: {Days: []string{"monday"}, TimeZone: "Asia/Seoul"},
		`workdays.holidays[0]: "2027-02-30" is not a date`:               {Holidays: []string{"2027-02-30"}, TimeZone: "Asia/Seoul"},
		`workdays.timezone: "" is not an IANA time zone`:                 {Days: []string{"mon"}},
		`workdays.timezone: "Asia/Soul" is not`:                          {TimeZone: "Asia/Soul"},
	} {
		p := Default()
		p.Workdays = w
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
