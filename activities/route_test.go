package activities_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

func office() activities.Book {
	return activities.Book{
		Channels: []activities.Channeled{
			{Name: "slack", Kind: "slack", Interrupts: true}, {Name: "sms", Kind: "sms", Interrupts: true}, {Name: "mail", Kind: "email"},
			{Name: "soc", Kind: "webhook:soc", Own: true}, {Name: "log", Kind: "console", LastResort: true},
		},
		Directory: people.Directory{
			People: []people.Person{
				{ID: "minji", Email: "minji@example.com", Slack: "U1", Phone: "+821012345678"}, {ID: "alex", Email: "alex@example.com"},
			},
			Teams:    []people.Team{{ID: "ops", Members: []string{"minji"}, Manager: "alex"}},
			CatchAll: "ops",
		},
	}
}

// told lists who would be told by what, copies too, and the ways to spare.
func told(b activities.Book, reach alert.Reach, about alert.Traits, used []string, roles ...people.Role) (now, spare []string, aside string) {
	for _, d := range b.Deliveries(activities.AddressInput{
		Question: people.Question{Roles: roles, Owner: "minji", Team: "ops"}, About: about, Reach: reach, Used: used, Last: true,
	}) {
		text := d.To.ID + " by " + d.Way.Channel
		if d.Copy {
			text = "copy by " + d.Way.Channel
		}
		now, spare, aside = append(now, text), nil, aside+d.Aside
		for _, o := range d.Others {
			spare = append(spare, o.Channel)
		}
	}
	return now, spare, aside
}

func TestARoutePrefersItsChannelsInItsOrderAndKeepsTheOthersToSpare(t *testing.T) {
	b := office()
	b.Routes = []alert.Route{{Match: alert.RouteMatch{Severity: []alert.Severity{alert.P3}, Team: []string{"ops"}}, Channels: []string{"mail", "sms"}}}
	for name, tc := range map[string]struct {
		severity alert.Severity
		reach    alert.Reach
		used     []string
		want     string
		spare    string
	}{
		"one":                               {alert.P3, alert.Direct, nil, "minji by mail", "sms slack log"},
		"one, and its kind was used":        {alert.P3, alert.Direct, []string{"email"}, "minji by sms", "mail slack log"},
		"all kinds are all of the route":    {alert.P3, alert.PageAll, nil, "minji by mail, minji by sms", "slack log"},
		"another severity goes as ever":     {alert.P2, alert.Direct, nil, "minji by slack", "sms mail log"},
		"another severity pages everywhere": {alert.P1, alert.PageAll, nil, "minji by slack, minji by sms, minji by mail, minji by log", ""},
	} {
		now, spare, aside := told(b, tc.reach, alert.Traits{Severity: tc.severity}, tc.used, people.Owner)
		if got := strings.Join(now, ", "); got != tc.want || strings.Join(spare, " ") != tc.spare || aside != "" {
			t.Errorf("%s: %s, to spare %v, aside %q; want %s, %s", name, got, spare, aside, tc.want, tc.spare)
		}
	}
}

func TestARouteThatReachesNobodyIsLeftAndThatIsSaid(t *testing.T) {
	b := office()
	b.Routes = []alert.Route{{Channels: []string{"sms"}}}
	now, _, aside := told(b, alert.PageAll, alert.Traits{Severity: alert.P1}, nil, people.Manager)
	if want := []string{"alex by mail", "alex by log"}; !slices.Equal(now, want) || !strings.Contains(aside, "routes[0] has no channel that reaches alex") {
		t.Errorf("%v, aside %q; want %v", now, aside, want)
	}
}

func TestWhatARouteAddsGoesToEveryoneThereAndOnceToAPlaceOfItsOwn(t *testing.T) {
	b := office()
	b.Routes = []alert.Route{{Channels: []string{"slack"}, Also: []string{"soc", "mail"}}}
	now, spare, _ := told(b, alert.Direct, alert.Traits{Severity: alert.P2}, nil, people.Owner, people.Manager)
	if want := []string{"minji by slack", "minji by mail", "alex by mail", "copy by soc"}; !slices.Equal(now, want) || len(spare) != 0 {
		t.Errorf("%v, and %v to spare; want %v", now, spare, want)
	}
	b.Directory.People[0].Channels = []string{"soc"} // who reads there is told there: no copy
	now, _, _ = told(b, alert.Direct, alert.Traits{Severity: alert.P2}, nil, people.Owner)
	if want := []string{"minji by slack", "minji by mail", "minji by soc"}; !sameSet(now, want) {
		t.Errorf("%v; want %v", now, want)
	}
	b.Directory = people.Directory{}
	if now, _, _ = told(b, alert.Direct, alert.Traits{}, nil, people.Owner); len(now) != 0 {
		t.Errorf("nobody is told, but for %v: a copy would hide that", now)
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
