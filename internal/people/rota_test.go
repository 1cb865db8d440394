package people

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func local(t *testing.T, text string) LocalTime {
	t.Helper()
	var l LocalTime
	if err := l.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return l
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// onRota gives a team whose rota begins on a local date and time in a zone.
func onRota(t *testing.T, zone, start string, every time.Duration, members ...string) Team {
	t.Helper()
	return Team{ID: "sre", TimeZone: zone, Rota: &Rota{Members: members, Start: local(t, start), Every: every}}
}

func TestHandOverFollowsTheClockOnTheWall(t *testing.T) {
	const berlin, seoul, york = "Europe/Berlin", "Asia/Seoul", "America/New_York"
	for name, tc := range map[string]struct {
		zone, start string
		every       time.Duration
		at          string
		person      string
		until       string
	}{
		"before the start the first has it":         {seoul, "2026-11-30 09:00", 0, "2026-11-01T00:00:00Z", "a", "2026-12-07T00:00:00Z"},
		"the first turn begins":                     {seoul, "2026-11-30 09:00", 0, "2026-11-30T00:00:00Z", "a", "2026-12-07T00:00:00Z"},
		"one second before hand-over":               {seoul, "2026-11-30 09:00", 0, "2026-12-06T23:59:59Z", "a", "2026-12-07T00:00:00Z"},
		"hand-over":                                 {seoul, "2026-11-30 09:00", 0, "2026-12-07T00:00:00Z", "b", "2026-12-14T00:00:00Z"},
		"after the last the first comes again":      {seoul, "2026-11-30 09:00", 0, "2026-12-21T00:00:00Z", "a", "2026-12-28T00:00:00Z"},
		"years later":                               {seoul, "2026-11-30 09:00", 0, "2036-11-30T00:00:00Z", "c", "2036-12-01T00:00:00Z"},
		"daily, in winter":                          {berlin, "2027-03-25 08:00", day, "2027-03-27T06:59:59Z", "b", "2027-03-27T07:00:00Z"},
		"daily, clocks put forward (a turn of 23h)": {berlin, "2027-03-25 08:00", day, "2027-03-27T07:00:00Z", "c", "2027-03-28T06:00:00Z"},
		"daily, in summer":                          {berlin, "2027-03-25 08:00", day, "2027-03-28T06:00:00Z", "a", "2027-03-29T06:00:00Z"},
		"daily, clocks put back (a turn of 25h)":    {berlin, "2027-10-28 08:00", day, "2027-10-31T06:59:59Z", "c", "2027-10-31T07:00:00Z"},
		"at a time that is skipped: at the change":  {berlin, "2027-03-27 02:30", day, "2027-03-28T00:59:59Z", "a", "2027-03-28T01:00:00Z"},
		"skipped, after the change":                 {berlin, "2027-03-27 02:30", day, "2027-03-28T01:00:00Z", "b", "2027-03-29T00:30:00Z"},
		"at a time that comes twice: the first":     {berlin, "2027-10-30 02:30", day, "2027-10-31T00:29:59Z", "a", "2027-10-31T00:30:00Z"},
		"twice, at the second":                      {berlin, "2027-10-30 02:30", day, "2027-10-31T01:30:00Z", "b", "2027-11-01T01:30:00Z"},
		"west of Greenwich":                         {york, "2027-11-01 09:00", 0, "2027-11-08T13:59:59Z", "a", "2027-11-08T14:00:00Z"},
		"fortnights":                                {seoul, "2026-11-30 09:00", 14 * day, "2026-12-14T00:00:00Z", "b", "2026-12-28T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			duty, ok := onRota(t, tc.zone, tc.start, tc.every, "a", "b", "c").DutyAt(instant(t, tc.at))
			if !ok || duty.Person != tc.person || !duty.Until.Equal(instant(t, tc.until)) || duty.Out {
				t.Errorf("%s until %s, want %s until %s", duty.Person, duty.Until.UTC().Format(time.RFC3339), tc.person, tc.until)
			}
		})
	}
}

func TestTurnsFollowEachOtherWithoutAGapWhileClocksChange(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"} {
		team := onRota(t, zone, "2026-01-05 02:15", day, "a", "b", "c", "d", "e")
		for _, begin := range []string{"2026-02-10T12:00:00Z", "2026-09-25T12:00:00Z"} {
			at := instant(t, begin)
			last, _ := team.DutyAt(at)
			for end := at.AddDate(0, 0, 60); at.Before(end); at = at.Add(time.Hour) {
				now, ok := team.DutyAt(at)
				next := string('a' + (last.Person[0]-'a'+1)%5)
				same := now.Person == last.Person && now.Until.Equal(last.Until)
				switch {
				case !ok || !now.Until.After(at) || now.Until.Sub(at) > 26*time.Hour:
					t.Fatalf("%s at %s: %+v", zone, at, now)
				case at.Before(last.Until) && !same, !at.Before(last.Until) && now.Person != next:
					t.Fatalf("%s at %s: %+v follows %+v", zone, at, now, last)
				}
				last = now
			}
		}
	}
}

func TestOverridesAndThoseAwayChangeWhoIsOnCall(t *testing.T) {
	d := Directory{
		People: []Person{{ID: "a", Slack: "U1"}, {ID: "b", Slack: "U2"}, {ID: "c", Slack: "U3"}, {ID: "x", Slack: "U4"}, {ID: "s", Slack: "U5"}},
		Teams:  []Team{onRota(t, "Asia/Seoul", "2026-11-30 09:00", 0, "a", "b", "c")},
	}
	d.Teams[0].OnCall = []Shift{{"s"}}
	d.Teams[0].Rota.Overrides = []Override{{local(t, "2026-12-09 18:00"), local(t, "2026-12-10 09:00"), "x"}}
	at := func(at string, away ...string) string {
		for i := range d.People {
			d.People[i].Away = slices.Contains(away, d.People[i].ID)
		}
		got := d.Resolve(Question{Roles: []Role{OnCall}, Team: "sre", At: instant(t, at)})
		if len(got) != 1 {
			t.Fatalf("at %s: %+v", at, got)
		}
		return got[0].ID
	}
	for _, tc := range []struct {
		at   string
		away []string
		want string
	}{
		{"2026-12-09T08:59:59Z", nil, "b"},
		{"2026-12-09T09:00:00Z", nil, "x"},
		{"2026-12-09T23:59:59Z", nil, "x"},
		{"2026-12-10T00:00:00Z", nil, "b"},
		{"2026-12-09T12:00:00Z", []string{"x"}, "b"},
		{"2026-12-10T00:00:00Z", []string{"b"}, "c"},
		{"2026-12-10T00:00:00Z", []string{"b", "c"}, "a"},
		{"2026-12-10T00:00:00Z", []string{"a", "b", "c"}, "s"},
	} {
		if got := at(tc.at, tc.away...); got != tc.want {
			t.Errorf("at %s without %v it is %s, want %s", tc.at, tc.away, got, tc.want)
		}
	}
	for text, until := range map[string]string{"2026-12-08T00:00:00Z": "2026-12-09T09:00:00Z", "2026-12-09T10:00:00Z": "2026-12-10T00:00:00Z", "2026-12-10T01:00:00Z": "2026-12-14T00:00:00Z"} {
		if duty, _ := d.Teams[0].DutyAt(instant(t, text)); !duty.Until.Equal(instant(t, until)) {
			t.Errorf("at %s hand-over is at %s, want %s", text, duty.Until.UTC(), until)
		}
	}
}

func TestARotaThatNamesNobodyOrNoTimeIsRefusedWithItsPath(t *testing.T) {
	override := func(from, until, who string) Override { return Override{local(t, from), local(t, until), who} }
	for name, tc := range map[string]struct {
		breakIt func(*Team)
		want    string
	}{
		"nobody":         {func(s *Team) { s.Rota.Members = nil }, `teams[0].rota.members: is empty; list`},
		"unknown member": {func(s *Team) { s.Rota.Members = []string{"a", "z"} }, `teams[0].rota.members[1]: nobody has the id "z"; add`},
		"no start":       {func(s *Team) { s.Rota.Start = LocalTime{} }, `teams[0].rota.start: is missing; write`},
		"half a day":     {func(s *Team) { s.Rota.Every = 36 * time.Hour }, `teams[0].rota.every: turns last whole days`},
		"backwards":      {func(s *Team) { s.Rota.Every = -day }, `teams[0].rota.every: turns last whole days`},
		"for ever":       {func(s *Team) { s.Rota.Every = 400 * day }, `teams[0].rota.every: turns last whole days`},
		"unknown zone":   {func(s *Team) { s.Rota.TimeZone = "Asia/Soul" }, `teams[0].rota.timezone: "Asia/Soul" is not an IANA time zone; write`},
		"no zone":        {func(s *Team) { s.TimeZone = "" }, `teams[0].rota.timezone: is missing, and the team has none; write`},
		"override of nobody": {func(s *Team) { s.Rota.Overrides = []Override{override("2026-12-24 09:00", "2026-12-27 09:00", "z")} },
			`teams[0].rota.overrides[0].person: nobody has the id "z"`},
		"override without an end": {func(s *Team) { s.Rota.Overrides = []Override{{From: local(t, "2026-12-24 09:00"), Person: "a"}} },
			`teams[0].rota.overrides[0]: from and until are both needed`},
		"override backwards": {func(s *Team) { s.Rota.Overrides = []Override{override("2026-12-27 09:00", "2026-12-24 09:00", "a")} },
			`teams[0].rota.overrides[0].until: 2026-12-24 09:00 is not after from`},
		"overrides that overlap": {func(s *Team) {
			s.Rota.Overrides = []Override{override("2026-12-24 09:00", "2026-12-27 09:00", "a"), override("2026-12-27 08:59", "2026-12-28 09:00", "b")}
		}, `teams[0].rota.overrides[1]: overlaps teams[0].rota.overrides[0] (2026-12-24 09:00 to 2026-12-27 09:00); only`},
	} {
		t.Run(name, func(t *testing.T) {
			team := onRota(t, "Asia/Seoul", "2026-11-30 09:00", 0, "a", "b")
			team.Rota.Overrides = []Override{override("2026-12-24 09:00", "2026-12-27 09:00", "a"), override("2026-12-27 09:00", "2026-12-28 09:00", "b")}
			d := Directory{People: []Person{{ID: "a", Slack: "U1"}, {ID: "b"}}, Teams: []Team{team}, CatchAll: "sre"}
			if err := d.Validate(); err != nil {
				t.Fatalf("before breaking it: %v", err)
			}
			tc.breakIt(&d.Teams[0])
			d.Teams[0].Slack = "C1" // the catch-all is not what this is about
			if err := d.Validate(); err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one error beginning with %s", err, tc.want)
			}
		})
	}
	var l LocalTime
	if err := l.UnmarshalText([]byte("2026-02-30 09:00")); err == nil || !strings.Contains(err.Error(), "write for example 2026-11-30 09:00") {
		t.Errorf("a day that does not exist: %v", err)
	}
}
