package activities_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

func knowing(d people.Directory) func() people.Directory {
	return func() people.Directory { return d }
}

func lines(all ...activities.Channeled) func() []activities.Channeled {
	return func() []activities.Channeled { return all }
}

func TestAWideNoticeUsesTwoKindsOfChannelAndSparesTheRest(t *testing.T) {
	w := begin(t)
	var all []activities.Channeled
	for _, c := range []struct{ name, kind string }{{"slack-1", "slack"}, {"slack-2", "slack"}, {"mail", "email"}, {"log", "console"}} {
		all = append(all, activities.Channeled{Name: c.name, Kind: c.kind, Interrupts: c.kind == "slack"})
	}
	w.Channels = lines(all...)
	w.Directory = knowing(people.Directory{
		People:   []people.Person{{ID: "minji", Email: "minji@example.com", Slack: "U1"}},
		Teams:    []people.Team{{ID: "ops", Members: []string{"minji"}}},
		CatchAll: "ops",
	})
	for reach, want := range map[alert.Reach][]string{
		alert.Direct:  {"slack-1"},
		alert.Wide:    {"slack-1", "mail"},
		alert.PageAll: {"slack-1", "mail", "log"},
	} {
		in := activities.AddressInput{Question: people.Question{Roles: []people.Role{people.Owner}, Owner: "minji"}, Reach: reach}
		var got []string
		for _, d := range must[[]activities.Delivery](w, w.Address, in) {
			got = append(got, d.Way.Channel)
			if len(d.Others)+len(want) > 4 || slices.ContainsFunc(d.Others, func(o activities.Way) bool { return slices.Contains(want, o.Channel) }) {
				t.Errorf("%s: %s is followed by %v", reach, d.Way.Channel, d.Others)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v; want %v", reach, got, want)
		}
	}
}

func TestARoleThatLeadsNowhereEndsAtTheCatchAllOnlyWhereNobodyComesAfter(t *testing.T) {
	w := begin(t)
	w.Channels = lines(activities.Channeled{Name: "mail", Kind: "email"})
	w.Directory = knowing(people.Directory{Teams: []people.Team{{ID: "ops", Email: "ops@example.com"}}, CatchAll: "ops"})
	for _, last := range []bool{false, true} {
		in := activities.AddressInput{Question: people.Question{Roles: []people.Role{people.Owner}, Owner: "gone"}, Reach: alert.Direct, Last: last}
		if told := len(must[[]activities.Delivery](w, w.Address, in)) > 0; told != last {
			t.Errorf("last %t: told %t", last, told)
		}
	}
}

func TestAnAddressInOneChannelCountsBeforeThoseOfItsKind(t *testing.T) {
	w := begin(t)
	w.Channels = lines(
		activities.Channeled{Name: "mail", Kind: "email"}, activities.Channeled{Name: "slack", Kind: "slack"}, activities.Channeled{Name: "slack-eu", Kind: "slack"},
		activities.Channeled{Name: "works", Kind: "webhook:works"}, activities.Channeled{Name: "sens", Kind: "webhook:sens", AddressOf: "sms", Interrupts: true}, activities.Channeled{Name: "pager", Kind: "pagerduty", Interrupts: true},
	)
	w.Directory = knowing(people.Directory{
		People: []people.Person{{ID: "minji", Email: "minji@example.com", Slack: "U1", Phone: "+821012345678", Addresses: map[string]string{"slack-eu": "U2", "works": "m@works"}, Channels: []string{"pager"}}},
		Teams:  []people.Team{{ID: "ops", Members: []string{"minji"}}}, CatchAll: "ops",
	})
	in := activities.AddressInput{Question: people.Question{Roles: []people.Role{people.Owner}, Owner: "minji"}, Reach: alert.PageAll}
	got := map[string]string{}
	for _, d := range must[[]activities.Delivery](w, w.Address, in) {
		got[d.Way.Channel] = d.Way.Address
		for _, o := range d.Others {
			got[o.Channel] = o.Address
		}
	}
	want := map[string]string{"mail": "minji@example.com", "slack": "U1", "slack-eu": "U2", "works": "m@works", "sens": "+821012345678", "pager": "pager"}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
