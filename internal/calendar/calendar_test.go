package calendar

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func date(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestTheHolidaysOfTwoCountriesAreRead(t *testing.T) {
	for _, c := range []struct {
		file, from, until string
		skip              []string
		want              string
	}{
		{"korea.ics", "2027-01-01", "2028-01-01", []string{"기념일"}, `
2027-01-01 새해첫날
2027-02-06 설날 연휴
2027-02-07 설날
2027-02-08 설날 연휴
2027-02-09 쉬는 날 설날
2027-03-01 삼일절
2027-05-05 어린이날
2027-05-13 부처님오신날
2027-06-06 현충일
2027-08-15 광복절
2027-08-16 쉬는 날 광복절
2027-09-14 추석 연휴
2027-09-15 추석 연휴
2027-09-16 추석 연휴
2027-10-03 개천절
2027-10-04 쉬는 날 개천절
2027-10-09 한글날
2027-10-11 쉬는 날 한글날
2027-12-25 크리스마스
2027-12-27 쉬는 날 크리스마스`},
		{"korea.ics", "2027-05-06", "2027-05-09", nil, "\n2027-05-08 어버이날"},
		{"saxony.ics", "2027-01-01", "2030-01-01", nil, `
2027-01-01 Neujahr
2027-03-26 Karfreitag
2027-03-29 Ostermontag, der Tag nach dem Wechsel der Uhren
2027-05-01 Tag der Arbeit
2027-10-03 Tag der Deutschen Einheit
2027-10-31 Reformationstag
2027-11-17 Buß- und Bettag
2027-12-25 Weihnachten
2027-12-26 Weihnachten
2028-01-01 Neujahr
2028-04-14 Karfreitag
2028-05-01 Tag der Arbeit
2028-10-03 Tag der Deutschen Einheit
2028-11-22 Buß- und Bettag
2028-12-25 Weihnachten
2028-12-26 Weihnachten
2029-01-01 Neujahr
2029-03-30 Karfreitag
2029-10-03 Tag der Deutschen Einheit
2029-10-30 Reformationstag, verlegt
2029-11-21 Buß- und Bettag
2029-12-25 Weihnachten
2029-12-26 Weihnachten`},
	} {
		days, err := Read(sample(t, c.file), date(c.from), date(c.until), c.skip)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, d := range days {
			got += "\n" + d.String()
		}
		if got != c.want {
			t.Errorf("%s:%s\nwant:%s", c.file, got, c.want)
		}
	}
}

// calendarOf writes a calendar of one event, whose properties begin on line 3.
func calendarOf(props ...string) []byte {
	return []byte("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + strings.Join(props, "\r\n") + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
}

func TestAnEventIsAHolidayOnTheDaysThatItTakesAsAWhole(t *testing.T) {
	for name, c := range map[string]struct {
		props []string
		want  string
	}{
		"a date alone":                               {[]string{"DTSTART;VALUE=DATE:20270104"}, "2027-01-04"},
		"a date without saying so":                   {[]string{"DTSTART:20270104", "DTEND:20270106"}, "2027-01-04 2027-01-05"},
		"an end that is the day itself":              {[]string{"DTSTART;VALUE=DATE:20270104", "DTEND;VALUE=DATE:20270104"}, "2027-01-04"},
		"a meeting":                                  {[]string{"DTSTART:20270104T090000", "DTEND:20270104T180000"}, ""},
		"from noon to noon":                          {[]string{"DTSTART:20270104T120000", "DTEND:20270106T120000"}, "2027-01-05"},
		"midnight to midnight in a zone":             {[]string{"DTSTART;TZID=Asia/Seoul:20270104T000000", "DTEND;TZID=Asia/Seoul:20270105T000000"}, "2027-01-04"},
		"written in UTC, meant in a zone":            {[]string{"DTSTART;TZID=Asia/Seoul:20270103T150000Z", "DURATION:PT24H"}, "2027-01-04"},
		"a zone that nobody knows":                   {[]string{`DTSTART;TZID="Korea: Standard, Time":20270104T000000`, "DURATION:P1D"}, "2027-01-04"},
		"a day of 23 hours":                          {[]string{"DTSTART;TZID=Europe/Berlin:20270328T000000", "DTEND;TZID=Europe/Berlin:20270329T000000"}, "2027-03-28"},
		"a day of 25 hours":                          {[]string{"DTSTART;TZID=Europe/Berlin:20271031T000000", "DTEND;TZID=Europe/Berlin:20271101T000000"}, "2027-10-31"},
		"a week":                                     {[]string{"DTSTART;VALUE=DATE:20270128", "DURATION:P1W"}, "2027-01-28 2027-01-29 2027-01-30 2027-01-31 2027-02-01 2027-02-02 2027-02-03"},
		"what began before the span":                 {[]string{"DTSTART;VALUE=DATE:20261230", "DTEND;VALUE=DATE:20270102"}, "2027-01-01"},
		"the fourth Thursday":                        {[]string{"DTSTART;VALUE=DATE:20201126", "RRULE:FREQ=MONTHLY;BYDAY=4TH;COUNT=75"}, "2027-01-28"},
		"every other Monday":                         {[]string{"DTSTART;VALUE=DATE:20270104", "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20270131"}, "2027-01-04 2027-01-18"},
		"until a day":                                {[]string{"DTSTART;VALUE=DATE:20270104", "RRULE:FREQ=DAILY;UNTIL=20270105"}, "2027-01-04 2027-01-05"},
		"29 February has no place in other years":    {[]string{"DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY"}, ""},
		"the same date twice":                        {[]string{"DTSTART;VALUE=DATE:20270104", "RDATE;VALUE=DATE:20270104,20270106", "EXDATE;VALUE=DATE:20270106"}, "2027-01-04"},
		"a period counts from its beginning":         {[]string{"DTSTART;VALUE=DATE:20260104", "RDATE;VALUE=PERIOD:20270106T000000Z/P1D"}, "2027-01-06"},
		"properties in small letters":                {[]string{"dtstart;value=date:20270104"}, "2027-01-04"},
		"a time of which a zone shows another date":  {[]string{"DTSTART;TZID=Asia/Seoul:20270131T000000", "RRULE:FREQ=MONTHLY;COUNT=1", "DURATION:P1D"}, "2027-01-31"},
		"an occurrence in a zone that is taken away": {[]string{"DTSTART;TZID=Asia/Seoul:20270104T000000", "DURATION:P1D", "RRULE:FREQ=DAILY;COUNT=2", "EXDATE;TZID=Asia/Seoul:20270105T000000"}, "2027-01-04"},
	} {
		t.Run(name, func(t *testing.T) {
			days, err := Read(calendarOf(c.props...), date("2027-01-01"), date("2027-12-31"), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range days {
				got = append(got, d.Date)
			}
			if joined := strings.Join(got, " "); joined != c.want {
				t.Errorf("%q, want %q", joined, c.want)
			}
		})
	}
}

func TestWhatIsNoCalendarOfHolidaysIsRefusedWithTheLine(t *testing.T) {
	many := func(n int, e string) string { return strings.Repeat("BEGIN:VEVENT\n"+e+"\nEND:VEVENT\n", n) }
	in := func(events string) string { return "BEGIN:VCALENDAR\n" + events + "END:VCALENDAR\n" }
	one := func(props ...string) string { return string(calendarOf(props...)) }
	for want, file := range map[string]string{
		"line 1: the file is empty":                                                     "",
		"line 1: this is no calendar":                                                   "<html>:not found</html>",
		`line 2: "holidays" is no line of iCalendar`:                                    "BEGIN:VCALENDAR\nholidays",
		"line 1: the file is not in UTF-8":                                              "BEGIN:VCALENDAR\nSUMMARY:\xbc\xb3\xb3\xaf\nEND:VCALENDAR\n",
		"line 1: the file has more than 1048576 bytes":                                  strings.Repeat("A", MaxSize+1),
		"line 3: the file ends before END:VEVENT":                                       "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:cut",
		"line 3: END:VCALENDAR stands where END:VEVENT is due":                          "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n",
		"line 9: components are nested too deeply":                                      strings.Repeat("BEGIN:VCALENDAR\n", 9),
		"line 2: the event has no DTSTART":                                              one("SUMMARY:x"),
		`line 3: "20270230" is not a date`:                                              one("DTSTART;VALUE=DATE:20270230"),
		`line 3: "99990101" is not a date between 1900 and 2200`:                        one("DTSTART;VALUE=DATE:99990101"),
		"line 4: the event ends before it begins":                                       one("DTSTART:20270104", "DTEND:20270103"),
		"line 2: the event takes more than 366 days":                                    one("DTSTART:20270104", "DTEND:20290103"),
		`line 4: "-P1D" is not a duration`:                                              one("DTSTART:20270104", "DURATION:-P1D"),
		"line 4: EXRULE was withdrawn":                                                  one("DTSTART:20270104", "EXRULE:FREQ=YEARLY"),
		`line 4: the rule "FREQ=SECONDLY" cannot be read: days recur`:                   one("DTSTART:20270104", "RRULE:FREQ=SECONDLY"),
		`line 4: the rule "FREQ=YEARLY;BYHOUR=3" cannot be read: "BYHOUR" is no part`:   one("DTSTART:20270104", "RRULE:FREQ=YEARLY;BYHOUR=3"),
		`line 4: the rule "FREQ=YEARLY;BYMONTH=13" cannot be read: bymonth must be`:     one("DTSTART:20270104", "RRULE:FREQ=YEARLY;BYMONTH=13"),
		`line 4: the rule "FREQ=DAILY;INTERVAL=999999999" cannot be read: INTERVAL is`:  one("DTSTART:20270104", "RRULE:FREQ=DAILY;INTERVAL=999999999"),
		`line 4: the rule "INTERVAL=2" cannot be read: RRULE property FREQ is required`: one("DTSTART:20270104", "RRULE:INTERVAL=2"),
		"line 15002: more than 5000 events":                                             in(many(5001, "DTSTART:20270104")),
		"line 2002: more than 500 events recur by a rule":                               in(many(501, "DTSTART:20270104\nRRULE:FREQ=YEARLY")),
		"line 2: more than 400 holidays between 2027-01-01 and 203":                     one("DTSTART:20270104", "RRULE:FREQ=DAILY"),
		"line 4: the rules up to here take more than 20000 steps":                       in(many(1, "DTSTART:19000101\nRRULE:FREQ=DAILY;COUNT=45000")),
	} {
		days, err := Read([]byte(file), date("2027-01-01"), date("2030-01-01"), nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v (%d days), want %s", err, len(days), want)
		}
	}
}

func TestRulesThatNeverComeTrueAreBoundedToo(t *testing.T) {
	file := "BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:VEVENT\nDTSTART:19700101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31\nEND:VEVENT\n", maxRules) + "END:VCALENDAR\n"
	if days, err := Read([]byte(file), date("2027-01-01"), date("2030-01-01"), nil); err == nil || !strings.Contains(err.Error(), "take more than 20000 steps") {
		t.Errorf("%v %v", days, err)
	}
}

func TestANameIsShownInOneShortLine(t *testing.T) {
	for in, want := range map[string]string{
		`New\nYear\, \;the first\\`: `New Year, ;the first\`,
		"a\u202eb\x1b[2Jc\u200b":    "ab[2Jc",
		strings.Repeat("가", 100):    strings.Repeat("가", 59) + "…",
		"   ":                       "",
		`<script>alert(1)</script>`: `<script>alert(1)</script>`,
	} {
		days, err := Read(calendarOf("DTSTART:20270104", "SUMMARY:"+in), date("2027-01-01"), date("2028-01-01"), nil)
		if err != nil || len(days) != 1 || days[0].Name != want {
			t.Errorf("%q: %v %v, want %q", in, days, err, want)
		}
	}
}

// FuzzAnyFileEndsInHolidaysOrAnError holds what is read to the span, to its
// bounds, and to one order.
func FuzzAnyFileEndsInHolidaysOrAnError(f *testing.F) {
	f.Add(sample(f, "korea.ics"))
	f.Add(sample(f, "saxony.ics"))
	f.Add(calendarOf("DTSTART;TZID=Asia/Seoul:20270104T000000", "DURATION:P1D", "RRULE:FREQ=DAILY;COUNT=2;BYSETPOS=-1;BYDAY=-1SU,MO", "EXDATE:20270105T000000Z"))
	f.Add(calendarOf("DTSTART:20240229", "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=-366;WKST=SU;UNTIL=21000101T000000Z"))
	from, until := date("2027-01-01"), date("2030-01-01")
	f.Fuzz(func(t *testing.T, file []byte) {
		days, err := Read(file, from, until, []string{"기념일"})
		switch {
		case err != nil && (len(days) > 0 || !strings.HasPrefix(err.Error(), "line ") || len(err.Error()) > 600):
			t.Fatalf("%d days and %q", len(days), err)
		case len(days) > maxDays:
			t.Fatalf("%d days", len(days))
		}
		for i, d := range days {
			if d.Date < "2027-01-01" || d.Date >= "2030-01-01" || i > 0 && days[i-1].Date >= d.Date || strings.ContainsAny(d.Name, "\n\x1b\u202e") {
				t.Fatalf("%q", d)
			}
		}
	})
}

func TestWhatIsReadDoesNotHangOnTheOrderOfTheFile(t *testing.T) {
	events := strings.SplitAfter(string(sample(t, "korea.ics")), "END:VEVENT\r\n")
	head := events[0][:strings.Index(events[0], "BEGIN:VEVENT")]
	events[0] = events[0][len(head):]
	slices.Reverse(events[:len(events)-1])
	a, err := Read(sample(t, "korea.ics"), date("2027-01-01"), date("2028-01-01"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read([]byte(head+strings.Join(events, "")), date("2027-01-01"), date("2028-01-01"), nil)
	if err != nil || fmt.Sprint(a) != fmt.Sprint(b) || len(a) == 0 {
		t.Errorf("%v\n%v\n%v", err, a, b)
	}
}
