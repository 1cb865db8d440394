package people

import (
	"strings"
	"testing"
)

func TestValidDirectoryIsAccepted(t *testing.T) {
	if err := office.Validate(); err != nil {
		t.Error(err)
	}
}

func TestInvalidDirectoryIsRefusedWithPathAndRemedy(t *testing.T) {
	base := func() Directory {
		return Directory{
			People:   []Person{{ID: "minji", Email: "minji@example.com"}, {ID: "alex"}},
			Teams:    []Team{{ID: "sre", Members: []string{"minji"}}},
			CatchAll: "sre",
		}
	}
	for name, tc := range map[string]struct {
		breakIt func(*Directory)
		want    string
	}{
		"no id":                 {func(d *Directory) { d.People[1].ID = "" }, `people[1].id: "" is not an id; use a-z`},
		"capital letters":       {func(d *Directory) { d.People[1].ID = "Alex" }, `people[1].id: "Alex" is not an id`},
		"the same person twice": {func(d *Directory) { d.People[1].ID = "minji" }, `people[1].id: "minji" is people[0]'s id already; give`},
		"person and team alike": {func(d *Directory) { d.People[1].ID = "sre" }, `teams[0].id: "sre" is people[1]'s id already`},
		"unknown member":        {func(d *Directory) { d.Teams[0].Members = []string{"minji", "x"} }, `teams[0].members[1]: nobody has the id "x"; add`},
		"unknown manager":       {func(d *Directory) { d.Teams[0].Manager = "x" }, `teams[0].manager: nobody`},
		"unknown on call":       {func(d *Directory) { d.Teams[0].OnCall = []Shift{{"alex"}, {""}} }, `teams[0].on_call[1].person: nobody`},
		"no catch-all":          {func(d *Directory) { d.CatchAll = "" }, `catch_all: no team is named; name`},
		"unknown catch-all":     {func(d *Directory) { d.CatchAll = "x" }, `catch_all: no team has the id "x"; add`},
		"catch-all of nobody":   {func(d *Directory) { d.Teams[0].Members = []string{"alex"} }, `catch_all: nobody can be told through team "sre"; give`},
		"e-mail with a name":    {func(d *Directory) { d.People[1].Email = "Alex <a@example.com>" }, `people[1].email: "Alex <a@example.com>" is not`},
		"e-mail without a host": {func(d *Directory) { d.Teams[0].Email = "sre" }, `teams[0].email: "sre" is not an e-mail address; write`},
		"e-mail of two lines":   {func(d *Directory) { d.People[1].Email = "a@example.com\r\nBcc: b@example.com" }, `people[1].email:`},
		"Slack by its name":     {func(d *Directory) { d.Teams[0].Slack = "#sre" }, `teams[0].slack: "#sre" is not a Slack ID; copy`},
		"phone without country": {func(d *Directory) { d.People[1].Phone = "010-1234-5678" }, `people[1].phone: "010-1234-5678" is not a telephone number; write it like +8210`},
		"PagerDuty by name":     {func(d *Directory) { d.People[1].PagerDuty = "Alex" }, `people[1].pagerduty: "Alex" is not a PagerDuty user ID; copy`},
		"an address of nothing": {func(d *Directory) { d.Teams[0].Addresses = map[string]string{"works": ""} }, `teams[0].addresses.works: is empty; write`},
		"a channel twice": {func(d *Directory) {
			d.People[1].Addresses, d.People[1].Channels = map[string]string{"a": "x"}, []string{"a"}
		}, `people[1].addresses.a: stands in people[1].channels, too; keep one`},
		"time zone":              {func(d *Directory) { d.People[1].TimeZone = "Asia/Soul" }, `people[1].timezone: "Asia/Soul" is not an IANA time zone; write`},
		"the machine's own zone": {func(d *Directory) { d.Teams[0].TimeZone = "Local" }, `teams[0].timezone: "Local"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := base()
			if err := d.Validate(); err != nil {
				t.Fatalf("before breaking it: %v", err)
			}
			tc.breakIt(&d)
			if err := d.Validate(); err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one error beginning with %s", err, tc.want)
			}
		})
	}
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	err := Directory{People: []Person{{ID: "A", Slack: "x", Email: "y", TimeZone: "w"}}, Teams: []Team{{ID: "t", Members: []string{"n"}}}}.Validate()
	if err == nil || len(strings.Split(err.Error(), "\n")) != 6 {
		t.Errorf("want six errors, got:\n%v", err)
	}
}
