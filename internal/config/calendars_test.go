package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	korea  = "../calendar/testdata/korea.ics"
	saxony = "../calendar/testdata/saxony.ics"
)

func TestAPolicyCarriesTheHolidaysOfItsCalendars(t *testing.T) {
	c, err := load(t, fmt.Sprintf(`
calendars:
  - {name: germany, file: %s, skip: [Weihnachten]}
policies:
  - {name: default, workdays: {calendars: [germany], holidays: ["%d-01-01 Betriebsferien"], timezone: Europe/Berlin}}
  - {name: other}
`, saxony, time.Now().UTC().Year()+1))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.Policy("default")
	year := time.Now().UTC().Year()
	for _, want := range []string{fmt.Sprintf("%d-10-03 Tag der Deutschen Einheit", year), fmt.Sprintf("%d-10-03 Tag der Deutschen Einheit", year+2), fmt.Sprintf("%d-01-01 Betriebsferien", year+1), fmt.Sprintf("%d-01-01 Neujahr", year+2)} {
		if !slices.Contains(p.Workdays.Holidays, want) {
			t.Errorf("no %s in %q", want, p.Workdays.Holidays)
		}
	}
	for _, h := range p.Workdays.Holidays {
		if strings.Contains(h, "Weihnachten") || h == fmt.Sprintf("%d-01-01 Neujahr", year+1) || h[:4] > fmt.Sprint(year+2) || h[:4] < fmt.Sprint(year) {
			t.Errorf("%s is carried, too", h)
		}
	}
	if p.Workdays.IsZero() || len(c.CalendarNotes(time.Now())) > 0 {
		t.Errorf("%+v %q", p.Workdays, c.CalendarNotes(time.Now()))
	}
	if other, _ := c.Policy("other"); !other.Workdays.IsZero() {
		t.Errorf("%+v", other.Workdays)
	}
}

func TestACalendarThatComesToItsEndIsNoted(t *testing.T) {
	c := Config{Calendars: []Calendar{{Name: "kr", File: korea}}}
	at := func(text string) time.Time {
		out, _ := time.Parse(time.DateOnly, text)
		return out
	}
	if errs := c.readCalendars(at("2027-06-01")); len(errs) > 0 {
		t.Fatal(errs)
	}
	if notes := c.CalendarNotes(at("2027-06-01")); len(notes) > 0 {
		t.Error(notes)
	}
	want := `calendars[0]: "kr" knows no holiday after the next 90 days (the last on 2027-12-27 쉬는 날 크리스마스); put a newer file in the place of ` + korea
	if notes := c.CalendarNotes(at("2027-10-01")); len(notes) != 1 || notes[0] != want {
		t.Errorf("%q", notes)
	}
	if errs := c.readCalendars(at("2031-06-01")); len(errs) > 0 || len(c.CalendarNotes(at("2031-06-01"))) != 1 {
		t.Errorf("%v %q", errs, c.CalendarNotes(at("2031-06-01")))
	}
}

func TestACalendarThatCannotBeReadIsRefusedWithFileAndLine(t *testing.T) {
	folder := t.TempDir()
	broken := filepath.Join(folder, "broken.ics")
	if err := os.WriteFile(broken, []byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:tomorrow\nEND:VEVENT\nEND:VCALENDAR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, file := range map[string]string{
		"calendars[0].file: " + broken + `:3: "tomorrow" is not a date`: `calendars: [{name: kr, file: ` + broken + `}]`,
		"calendars[0].file: stat /nowhere.ics: no such file":            `calendars: [{name: kr, file: /nowhere.ics}]`,
		"calendars[0].file: " + folder + " is no file":                  `calendars: [{name: kr, file: ` + folder + `}]`,
		"calendars[0].file: is empty":                                   `calendars: [{name: kr}]`,
		`calendars[1].name: "kr" is the name of calendars[0] already`:   `calendars: [{name: kr, file: ` + korea + `}, {name: kr, file: ` + korea + `}]`,
		"calendars[0].url is not known":                                 `calendars: [{name: kr, url: "https://example.com/kr.ics"}]`,
		`policies[0].workdays.calendars[0]: no calendar is called "de"`: `policies: [{name: default, workdays: {calendars: [de], timezone: Asia/Seoul}}]`,
		`policies[0].workdays.timezone: "" is not an IANA time zone`:    `{calendars: [{name: kr, file: ` + korea + `}], policies: [{name: default, workdays: {calendars: [kr]}}]}`,
	} {
		if _, err := load(t, file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", file, err, want)
		}
	}
}
