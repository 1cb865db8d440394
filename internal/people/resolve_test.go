package people

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var office = Directory{
	People: []Person{
		{ID: "minji", Name: "Kim Minji", Email: "minji@example.com", Slack: "U01", Language: "ko", TimeZone: "Asia/Seoul"},
		{ID: "alex", Name: "Alex", Email: "alex@example.com"},
		{ID: "sam", Slack: "U03", Away: true},
		{ID: "ghost", Name: "No Address"},
		{ID: "boss", Name: "Boss", Email: "boss@example.com"},
		{ID: "night", Name: "Night", Slack: "U06"},
	},
	Teams: []Team{
		{ID: "shop", Name: "Shop", Members: []string{"minji", "alex", "sam", "ghost"}, Manager: "boss",
			OnCall: []Shift{{"sam"}, {"alex"}, {"minji"}}, Language: "ko", TimeZone: "Asia/Tokyo"},
		{ID: "web", Name: "Web", Members: []string{"alex"}, Slack: "C02", Email: "web@example.com", Manager: "sam", OnCall: []Shift{{"sam"}}},
		{ID: "sre", Name: "SRE", Slack: "C09", OnCall: []Shift{{"night"}}},
	},
	CatchAll: "sre",
}

func TestResolveSaysWhoFillsTheRoles(t *testing.T) {
	for name, tc := range map[string]struct {
		ask  Question
		want []string // id as role
	}{
		"the owner is the person":                    {ask("minji", "shop", Owner), []string{"minji as owner"}},
		"an owner who is away is not told":           {ask("sam", "shop", Owner), nil},
		"an owner without address is not told":       {ask("ghost", "shop", Owner), nil},
		"an unknown owner leads nowhere":             {ask("nobody", "shop", Owner), nil},
		"no owner leads nowhere":                     {ask("", "shop", Owner), nil},
		"a team with a channel is told there":        {ask("", "web", TeamAll), []string{"web as team"}},
		"a team without one is its members":          {ask("", "shop", TeamAll), []string{"minji as team", "alex as team"}},
		"without a team it is the owner's":           {ask("minji", "", Manager), []string{"boss as manager"}},
		"the team of the certificate goes first":     {ask("minji", "web", Manager, TeamAll), []string{"web as team"}},
		"the owner of no team has no manager":        {ask("boss", "", Manager), nil},
		"on call is the first who is there":          {ask("", "shop", OnCall), []string{"alex as on-call"}},
		"nobody on call: the catch-all's":            {ask("", "web", OnCall), []string{"night as on-call"}},
		"no team: the catch-all's on call":           {ask("", "", OnCall), []string{"night as on-call"}},
		"one person is told once, by the first role": {ask("alex", "shop", OnCall, Owner, TeamAll, Manager), []string{"alex as on-call", "minji as team", "boss as manager"}},
		"the roles are told in the order asked":      {ask("minji", "shop", Manager, Owner), []string{"boss as manager", "minji as owner"}},
		"an unknown team leads nowhere":              {ask("minji", "gone", TeamAll, Manager), nil},
		"an unknown role leads nowhere":              {ask("minji", "shop", "janitor"), nil},
		"nothing asked, nobody told":                 {ask("minji", "shop"), nil},
		"nobody there for any role: an empty answer": {ask("sam", "web", Owner, Manager), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range office.Resolve(tc.ask) {
				got = append(got, c.ID+" as "+string(c.Role))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func ask(owner, team string, roles ...Role) Question {
	return Question{Owner: owner, Team: team, Roles: roles, At: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
}

func TestContactsCarryAddressesLanguageAndZone(t *testing.T) {
	got := office.Resolve(ask("minji", "shop", Owner, OnCall))
	want := []Contact{
		{ID: "minji", Name: "Kim Minji", Role: Owner, Language: "ko", TimeZone: "Asia/Seoul",
			Address: map[string]string{"console": "minji", "slack": "U01", "email": "minji@example.com"}},
		{ID: "alex", Name: "Alex", Role: OnCall, Language: "ko", TimeZone: "Asia/Tokyo",
			Address: map[string]string{"console": "alex", "email": "alex@example.com"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	team := office.Resolve(ask("", "web", TeamAll))
	wantTeam := []Contact{{ID: "web", Name: "Web", Role: TeamAll,
		Address: map[string]string{"console": "web", "slack": "C02", "email": "web@example.com"}}}
	if diff := cmp.Diff(wantTeam, team); diff != "" {
		t.Error(diff)
	}
}

func TestCatchAllIsNeverEmpty(t *testing.T) {
	ids := func(d Directory) (out []string) {
		for _, c := range d.CatchAllContacts(time.Time{}) {
			out = append(out, c.ID)
		}
		return out
	}
	if got := ids(office); !slices.Equal(got, []string{"sre", "night"}) {
		t.Errorf("got %q, want the team and who is on call there", got)
	}
	away := Directory{
		People:   []Person{{ID: "only", Email: "only@example.com", Away: true}},
		Teams:    []Team{{ID: "sre", Members: []string{"only"}}},
		CatchAll: "sre",
	}
	if got := ids(away); !slices.Equal(got, []string{"only"}) {
		t.Errorf("got %q, want the only one although away", got)
	}
	if !away.People[0].Away {
		t.Error("asking changed the directory")
	}
}

func TestAChannelOfTheirOwnReachesPeopleAndTeams(t *testing.T) {
	d := Directory{
		People: []Person{{ID: "minji", Phone: "+821012345678", Addresses: map[string]string{"works": "minji@works"}}, {ID: "alex", Channels: []string{"alex-pager"}}},
		Teams:  []Team{{ID: "sre", Channels: []string{"pager", "room"}, Members: []string{"minji"}}},
	}
	got := d.Resolve(Question{Roles: []Role{Owner, TeamAll}, Owner: "minji", Team: "sre"})
	if len(got) != 2 || got[0].Address["sms"] != "+821012345678" || got[0].Channels["works"] != "minji@works" {
		t.Fatalf("%+v", got)
	}
	if c := got[1].Channels; len(c) != 2 || c["pager"] != "pager" || c["room"] != "room" {
		t.Errorf("the team is reached by %v", c)
	}
	if got := d.Resolve(Question{Roles: []Role{Owner}, Owner: "alex"}); len(got) != 1 || got[0].Channels["alex-pager"] != "alex-pager" {
		t.Errorf("%+v", got)
	}
}
