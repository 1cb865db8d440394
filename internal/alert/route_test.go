package alert

import "testing"

func TestTheFirstRouteThatMatchesCounts(t *testing.T) {
	routes := []Route{
		{Match: RouteMatch{Severity: []Severity{P1, P2}, Environment: []string{"prod"}}},
		{Match: RouteMatch{Certificate: []string{"*.shop.example.com", "vpn"}}},
		{Match: RouteMatch{Owner: []string{"minji"}, Team: []string{"web", "ops"}}},
		{Match: RouteMatch{Severity: []Severity{P4}}},
	}
	for name, tc := range map[string]struct {
		traits Traits
		want   int
	}{
		"severity and environment":             {Traits{Severity: P2, Environment: "prod", Certificate: "vpn"}, 0},
		"severity of another environment":      {Traits{Severity: P2, Environment: "dev"}, -1},
		"the name of the certificate":          {Traits{Severity: P3, Certificate: "vpn"}, 1},
		"one of its DNS names":                 {Traits{Severity: P3, Certificate: "shop", Names: []string{"example.com", "PAY.shop.example.com"}}, 1},
		"a wildcard among its names":           {Traits{Severity: P3, Certificate: "shop", Names: []string{"*.shop.example.com"}}, 1},
		"a name that only ends like it":        {Traits{Severity: P3, Certificate: "shop.example.com"}, -1},
		"owner and team":                       {Traits{Severity: P4, Owner: "minji", Team: "ops"}, 2},
		"the owner alone does not do":          {Traits{Severity: P3, Owner: "minji"}, -1},
		"the last, when none before it counts": {Traits{Severity: P4}, 3},
	} {
		if got := RouteFor(routes, tc.traits); got != tc.want {
			t.Errorf("%s: route %d, want %d", name, got, tc.want)
		}
	}
	if RouteFor([]Route{{}}, Traits{}) != 0 {
		t.Error("a route without conditions does not match everything")
	}
}

func TestARouteWhoseTurnNeverComesIsFound(t *testing.T) {
	on := func(s ...Severity) RouteMatch { return RouteMatch{Severity: s} }
	in := func(env ...string) RouteMatch { return RouteMatch{Environment: env} }
	names := func(p ...string) RouteMatch { return RouteMatch{Certificate: p} }
	both := RouteMatch{Severity: []Severity{P1}, Environment: []string{"prod"}}
	for name, tc := range map[string]struct {
		earlier []RouteMatch
		route   RouteMatch
		want    bool
	}{
		"nothing before it":                       {nil, RouteMatch{}, false},
		"everything before it":                    {[]RouteMatch{{}}, both, true},
		"the same":                                {[]RouteMatch{both}, both, true},
		"a narrower one before it":                {[]RouteMatch{both}, on(P1), false},
		"a wider one before it":                   {[]RouteMatch{on(P1, P2)}, both, true},
		"two that cover it together":              {[]RouteMatch{on(P1), on(P2)}, on(P1, P2), true},
		"all severities, and then everything":     {[]RouteMatch{on(P1, P2), on(P3), on(P4)}, RouteMatch{}, true},
		"all severities but one":                  {[]RouteMatch{on(P1, P2), on(P4)}, RouteMatch{}, false},
		"two environments that are not all":       {[]RouteMatch{in("prod"), in("dev")}, RouteMatch{}, false},
		"each of two environments":                {[]RouteMatch{in("prod"), in("dev")}, in("dev", "prod"), true},
		"a wider pattern":                         {[]RouteMatch{names("*.example.com")}, names("*.shop.example.com", "www.example.com"), true},
		"a narrower pattern":                      {[]RouteMatch{names("*.shop.example.com")}, names("*.example.com"), false},
		"a pattern of one character is no wider":  {[]RouteMatch{names("?.example.com")}, names("*.example.com"), false},
		"every certificate by a pattern":          {[]RouteMatch{names("*")}, RouteMatch{}, true},
		"an owner before the team of the owner":   {[]RouteMatch{{Owner: []string{"minji"}}}, RouteMatch{Team: []string{"web"}}, false},
		"a team before an owner in the same team": {[]RouteMatch{{Team: []string{"web"}}}, RouteMatch{Owner: []string{"minji"}, Team: []string{"web"}}, true},
	} {
		var earlier []Route
		for _, m := range tc.earlier {
			earlier = append(earlier, Route{Match: m})
		}
		if got := Shadowed(earlier, Route{Match: tc.route}); got != tc.want {
			t.Errorf("%s: %t, want %t", name, got, tc.want)
		}
	}
}
