package people

import (
	"strings"
	"testing"
	"time"
)

func hours(t *testing.T, from, until string, days ...string) Quiet {
	t.Helper()
	q := Quiet{Days: days}
	if err := q.From.UnmarshalText([]byte(from)); err != nil {
		t.Fatal(err)
	}
	if err := q.Until.UnmarshalText([]byte(until)); err != nil {
		t.Fatal(err)
	}
	return q
}

func TestQuietHoursEndByTheClockOnTheWall(t *testing.T) {
	night := hours(t, "20:00", "08:00")
	week := []Quiet{hours(t, "20:00", "08:00", "mon", "tue", "wed", "thu", "fri"), hours(t, "08:00", "08:00", "sat", "sun")}
	for name, c := range map[string]struct {
		hours          []Quiet
		zone, at, want string // want empty: not quiet
	}{
		"in the evening":                 {[]Quiet{night}, "Asia/Seoul", "2027-01-04T12:00:00Z", "2027-01-04T23:00:00Z"},
		"after midnight":                 {[]Quiet{night}, "Asia/Seoul", "2027-01-04T22:59:59Z", "2027-01-04T23:00:00Z"},
		"when they end":                  {[]Quiet{night}, "Asia/Seoul", "2027-01-04T23:00:00Z", ""},
		"just before they begin":         {[]Quiet{night}, "Asia/Seoul", "2027-01-04T10:59:59Z", ""},
		"when they begin":                {[]Quiet{night}, "Asia/Seoul", "2027-01-04T11:00:00Z", "2027-01-04T23:00:00Z"},
		"over noon":                      {[]Quiet{hours(t, "12:00", "13:00")}, "UTC", "2027-01-04T12:30:00Z", "2027-01-04T13:00:00Z"},
		"another day":                    {[]Quiet{hours(t, "12:00", "13:00", "tue")}, "UTC", "2027-01-04T12:30:00Z", ""},
		"the night of the day before":    {[]Quiet{hours(t, "20:00", "08:00", "sun")}, "UTC", "2027-01-04T07:00:00Z", "2027-01-04T08:00:00Z"},
		"a weekend joins its nights":     {week, "Europe/Berlin", "2027-01-08T22:00:00Z", "2027-01-11T07:00:00Z"},
		"a night in which clocks go on":  {[]Quiet{night}, "Europe/Berlin", "2027-03-27T20:00:00Z", "2027-03-28T06:00:00Z"},
		"a night in which they go back":  {[]Quiet{night}, "Europe/Berlin", "2027-10-30T20:00:00Z", "2027-10-31T07:00:00Z"},
		"until a time that is skipped":   {[]Quiet{hours(t, "20:00", "02:30")}, "Europe/Berlin", "2027-03-27T20:00:00Z", "2027-03-28T01:00:00Z"},
		"until a time that comes twice":  {[]Quiet{hours(t, "20:00", "02:30")}, "Europe/Berlin", "2027-10-30T20:00:00Z", "2027-10-31T00:30:00Z"},
		"none":                           {nil, "UTC", "2027-01-04T12:30:00Z", ""},
		"without end they count nowhere": {[]Quiet{hours(t, "00:00", "00:00")}, "UTC", "2027-01-04T12:30:00Z", ""},
	} {
		at, _ := time.Parse(time.RFC3339, c.at)
		got := quietUntil(c.hours, c.zone, at)
		if text := got.UTC().Format(time.RFC3339); !got.IsZero() && text != c.want || got.IsZero() && c.want != "" {
			t.Errorf("%s: %s, want %q", name, got.UTC(), c.want)
		}
	}
}

// Every quarter of an hour of a year, in a zone whose clocks change: quiet hours
// end in the future and within their bound, and nothing is quiet when they end.
func TestQuietHoursAlwaysEnd(t *testing.T) {
	for _, quiet := range [][]Quiet{
		{hours(t, "20:00", "08:00")}, {hours(t, "02:00", "02:30")}, {hours(t, "23:30", "00:10", "sat"), hours(t, "00:10", "12:00", "sun")},
		{hours(t, "20:00", "08:00", "mon", "tue", "wed", "thu", "fri"), hours(t, "08:00", "08:00", "sat", "sun")},
	} {
		found := 0
		for at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2027; at = at.Add(15 * time.Minute) {
			end := quietUntil(quiet, "America/New_York", at)
			if end.IsZero() {
				continue
			}
			found++
			if !end.After(at) || end.Sub(at) > MaxQuiet || !quietUntil(quiet, "America/New_York", end).IsZero() {
				t.Fatalf("%v at %s until %s", quiet, at, end)
			}
		}
		if found == 0 {
			t.Errorf("%v never hold", quiet)
		}
	}
}

func TestQuietHoursAreTheTeamsWhereAPersonHasNone(t *testing.T) {
	d := office
	d.People, d.Teams = append([]Person{}, office.People...), append([]Team{}, office.Teams...)
	d.Teams[0].Quiet = []Quiet{hours(t, "08:00", "10:00")}
	d.People[1].Quiet = []Quiet{hours(t, "08:00", "12:00")}
	got := d.Resolve(ask("minji", "shop", Owner, OnCall)) // at 09:00 in Seoul and in Tokyo
	if len(got) != 2 || got[0].QuietUntil.UTC().Hour() != 1 || got[1].QuietUntil.UTC().Hour() != 3 {
		t.Errorf("%+v", got)
	}
	if alone := d.Resolve(ask("boss", "", Owner)); len(alone) != 1 || !alone[0].QuietUntil.IsZero() {
		t.Errorf("%+v", alone)
	}
}

func TestQuietHoursThatCannotBeMeantAreRefused(t *testing.T) {
	for want, p := range map[string]Person{
		`people[0].quiet[0].days[0]: "monday" is not a day; write one of sun, mon`: {Quiet: []Quiet{hours(t, "20:00", "08:00", "monday")}, TimeZone: "UTC"},
		`people[0].timezone: is missing, and there are quiet hours`:                {Quiet: []Quiet{hours(t, "20:00", "08:00")}},
		`people[0].quiet: lasts longer than 4 days without a break`:                {Quiet: []Quiet{hours(t, "08:00", "20:00"), hours(t, "20:00", "08:00")}, TimeZone: "UTC"},
	} {
		p.ID, p.Email = "minji", "minji@example.com"
		d := Directory{People: []Person{p}, Teams: []Team{{ID: "sre", Email: "sre@example.com"}}, CatchAll: "sre"}
		if err := d.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, text := range []string{"8pm", "24:00", "20", ""} {
		if err := new(WallTime).UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "is not a time of day") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
