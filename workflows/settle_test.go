package workflows_test

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func TestAnotherCAIsAskedOnlyOnceTheOrderBeforeIsSettled(t *testing.T) {
	date := start.Add(time.Hour)
	dated := func(f *activities.Failure) { f.RetryAt, f.Elsewhere = date, true }
	for _, c := range []struct {
		what      string
		unsettled string
		settles   cert.Version
		fails     error
		want      lifecycle.OutcomeKind
		orders    int
	}{
		{"nothing was finalized", "", cert.Version{}, nil, lifecycle.Proven, 1},
		{"it led to a certificate", "ca", fresh, nil, lifecycle.Proven, 0},
		{"it led nowhere", "ca", cert.Version{}, nil, lifecycle.Proven, 1},
		{"nobody knows", "ca", cert.Version{}, failing(activities.Unavailable, dated), lifecycle.Unsettled, 0},
		{"our store is down", "ca", cert.Version{}, failing(activities.Unavailable, ofOurStore), lifecycle.StoreUnavailable, 0},
	} {
		s := &script{unsettled: c.unsettled, settles: c.settles, fails: map[string]error{"Settle": c.fails}, terms: &activities.Terms{Account: "ops"}}
		in := two()
		in.CA, in.CAs = "spare", []string{"ca", "spare"}
		out := s.run(t, in)
		if out.Kind != string(c.want) || len(s.called("Order")) != c.orders || len(s.told) != 0 {
			t.Errorf("%s: ended %s (%s) after %d orders, told %+v", c.what, out.Kind, out.Cause, len(s.called("Order")), s.told)
		}
		if c.want == lifecycle.Unsettled && (out.CA != "ca" || out.Elsewhere || !out.RetryAt.Equal(date) || !contains(out.Cause, "neverlapse renew shop --new")) {
			t.Errorf("%s: %+v", c.what, out)
		}
	}
}

func TestTheAccountThatIsLeftHearsOfItWhateverFollows(t *testing.T) {
	s := &script{fails: map[string]error{"Leave ca": failing(activities.Unavailable, ofOurStore)}}
	in := two()
	in.CA, in.CAs, in.Leaves = "spare", []string{"ca", "spare"}, "ca"
	if out := s.run(t, in); out.Kind != string(lifecycle.Proven) || len(s.called("Leave ca")) == 0 {
		t.Errorf("%+v after %v", out, s.calls)
	}
}

func TestWhatAnotherCACouldCureIsSaid(t *testing.T) {
	for _, elsewhere := range []bool{true, false} {
		s := &script{fails: map[string]error{"Authorize": failing(activities.Validation, func(f *activities.Failure) { f.Elsewhere = elsewhere })}}
		if out := s.run(t, two()); out.Elsewhere != elsewhere || out.Kind != string(lifecycle.ValidationFailed) {
			t.Errorf("%+v", out)
		}
	}
}
