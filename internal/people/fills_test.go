package people

import (
	"slices"
	"testing"
)

func TestAPersonFillsTheRolesOfTheirCertificateAndAStrangerNone(t *testing.T) {
	d := Directory{
		People: []Person{{ID: "minji", Email: "m@example.com"}, {ID: "boss", Email: "b@example.com"}, {ID: "jun", Email: "j@example.com", Away: true}, {ID: "duty", Email: "d@example.com"}, {ID: "other", Email: "o@example.com"}},
		Teams: []Team{
			{ID: "web", Members: []string{"minji", "jun"}, Manager: "boss", OnCall: []Shift{{Person: "jun"}, {Person: "duty"}}},
			{ID: "shop", Members: []string{"other"}, Manager: "other"},
		},
		CatchAll: "shop",
	}
	q := Question{Owner: "minji", Team: "web"}
	for who, want := range map[string][]Role{
		"minji": {Owner, TeamAll}, "boss": {Manager}, "jun": {TeamAll}, "duty": {OnCall}, "other": nil, "slack:U1": nil, "": nil,
	} {
		if got := d.Fills(who, q); !slices.Equal(got, want) {
			t.Errorf("%s fills %v, want %v", who, got, want)
		}
	}
	if got := d.Fills("boss", Question{Owner: "minji"}); !slices.Equal(got, []Role{Manager}) {
		t.Errorf("the team of the owner: %v", got)
	}
}
