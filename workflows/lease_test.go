package workflows_test

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func TestARunWaitsMinutesForALeaseAndNoLonger(t *testing.T) {
	later := func(d time.Duration) budget.Grant { return budget.Grant{At: start.Add(d), Why: "5 within 7d"} }
	yes := budget.Grant{Granted: true}
	for _, c := range []struct {
		what   string
		terms  *activities.Terms
		grants []budget.Grant
		fails  map[string]error
		want   lifecycle.OutcomeKind
		leases int
		orders int
	}{
		{"nobody keeps an account", nil, nil, nil, lifecycle.Proven, 0, 1},
		{"the CA limits nothing", &activities.Terms{Account: "ops"}, nil, nil, lifecycle.Proven, 0, 1},
		{"there is room", &activities.Terms{Account: "ops", Limited: true}, []budget.Grant{yes}, nil, lifecycle.Proven, 1, 1},
		{"there is room in a minute", &activities.Terms{Account: "ops", Limited: true}, []budget.Grant{later(time.Minute), yes}, nil, lifecycle.Proven, 2, 1},
		{"others were first", &activities.Terms{Account: "ops", Limited: true}, []budget.Grant{later(time.Minute), later(time.Hour)}, nil, lifecycle.Waiting, 2, 0},
		{"there is room in a day", &activities.Terms{Account: "ops", Limited: true}, []budget.Grant{later(24 * time.Hour)}, nil, lifecycle.Waiting, 1, 0},
		{"the account cannot be asked", &activities.Terms{Account: "ops", Limited: true}, []budget.Grant{yes}, map[string]error{"Lease": failing(activities.Unavailable, ofTemporal)}, lifecycle.Unknown, 1, 0},
	} {
		s := &script{terms: c.terms, grants: c.grants, fails: c.fails}
		last := c.grants
		out := s.run(t, two())
		if out.Kind != string(c.want) || len(s.called("Lease")) != c.leases || len(s.called("Order")) != c.orders {
			t.Errorf("%s: ended %s (%s) after %d leases and %d orders", c.what, out.Kind, out.Cause, len(s.called("Lease")), len(s.called("Order")))
		}
		if c.want == lifecycle.Waiting && (!out.RetryAt.Equal(last[len(last)-1].At) || !contains(out.Cause, "5 within 7d")) {
			t.Errorf("%s: it waits until %s: %s", c.what, out.RetryAt, out.Cause)
		}
	}
}

func TestTheAccountHearsOfWhatItHasToKnow(t *testing.T) {
	date := start.Add(time.Hour)
	named := func(f *activities.Failure) { f.RetryAt = date }
	limited, free := &activities.Terms{Account: "ops", Limited: true}, &activities.Terms{Account: "ops"}
	for _, c := range []struct {
		what   string
		terms  *activities.Terms
		fails  map[string]error
		canary bool
		told   activities.Kind // "-": nothing
		watch  bool
	}{
		{"all goes well", limited, nil, false, "-", false},
		{"the CA answers again", free, nil, true, "", false},
		{"the CA names a date", limited, map[string]error{"Order": failing(activities.Unavailable, named)}, false, activities.Unavailable, true},
		{"the CA is down in the middle", free, map[string]error{"Authorize": failing(activities.Unavailable)}, false, activities.Unavailable, true},
		{"the account cannot be told", free, map[string]error{"Order": failing(activities.Unavailable), "ReportOrder": failing(activities.Unavailable, ofOurStore)}, false, activities.Unavailable, false},
		{"a validation failed", limited, map[string]error{"Authorize": failing(activities.Validation)}, false, activities.Validation, false},
		{"a validation failed where nothing is limited", free, map[string]error{"Authorize": failing(activities.Validation)}, false, "-", false},
		{"the CA answers again, and says no", free, map[string]error{"Order": failing(activities.Configuration)}, true, activities.Configuration, false},
		{"our store is down", free, map[string]error{"Order": failing(activities.Unavailable, ofOurStore)}, true, "-", false},
		{"nobody keeps an account", nil, map[string]error{"Order": failing(activities.Unavailable)}, true, "-", false},
	} {
		s := &script{terms: c.terms, fails: c.fails, grants: []budget.Grant{{Granted: true}}}
		in := two()
		in.Canary = c.canary
		out := s.run(t, in)
		switch {
		case c.told == "-" && len(s.told) > 0, c.told != "-" && len(s.told) != 1:
			t.Errorf("%s: told %+v", c.what, s.told)
		case c.told != "-" && (s.told[0].Failure.Kind != c.told || s.told[0].Account != "ops"):
			t.Errorf("%s: told %+v", c.what, s.told[0])
		case out.Watched != c.watch:
			t.Errorf("%s: watched %v", c.what, out.Watched)
		}
	}
}
