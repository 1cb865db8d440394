package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// TestEvidenceCloses walks through each reason: what is not yet evidence, and what is.
func TestEvidenceCloses(t *testing.T) {
	next := func(s *State, at time.Time, lifetime time.Duration) cert.Version {
		v := versionNo(2, at, lifetime)
		s.Observed(at, seeing(*s, v))
		return v
	}
	for _, c := range []struct {
		name    string
		reason  alert.Reason
		managed bool
		change  func(s *State, now time.Time)
		want    string // part of the evidence; empty if the alert stays open
	}{
		{"watched: nothing changed", alert.Expiring, false, func(*State, time.Time) {}, ""},
		{"watched: acknowledged", alert.Expiring, false, func(s *State, now time.Time) { s.Acknowledge(now, Answered{By: "minji"}) }, ""},
		{"watched: a longer one is served", alert.Expiring, false, func(s *State, now time.Time) { next(s, now, 90*day) }, "is served at shop.example.com:443"},
		{"watched: one that ends as soon", alert.Expiring, false, func(s *State, now time.Time) { s.Observed(now, seeing(*s, versionNo(2, now.Add(-77*day), 90*day))) }, ""},
		{"watched: it cannot be seen", alert.Expiring, false, func(s *State, now time.Time) {
			s.Observed(now, []cert.Observation{{Endpoint: s.Spec.Endpoints[0], Err: "timeout"}})
		}, ""},
		{"watched: one for other names", alert.Expiring, false, func(s *State, now time.Time) {
			v := versionNo(2, now, 90*day)
			v.Names = []string{"other.example.com"}
			s.Observed(now, seeing(*s, v))
		}, ""},
		{"watched: an address still has the old one", alert.Expiring, false, func(s *State, now time.Time) {
			v := versionNo(2, now, 90*day)
			s.Observed(now, append(seeing(*s, v), seeing(*s, s.Live)...))
		}, ""},
		{"the thresholds were changed", alert.Expiring, false, func(s *State, _ time.Time) {
			s.Spec.Policy.Thresholds = []Threshold{{span("1d"), alert.P1}}
		}, "policy was changed"},
		{"managed: proven at the endpoint", alert.Expiring, true, func(s *State, now time.Time) { next(s, now, 90*day) }, "is proven at shop.example.com:443"},
		{"managed: live, but not seen", alert.Expiring, true, func(s *State, now time.Time) {
			s.adopt(now, versionNo(2, now, 90*day))
		}, ""},
		{"failing: not yet", alert.RenewalFailing, true, func(s *State, now time.Time) {
			s.Renewal.Attempts = []Attempt{{At: now, Outcome: DeployFailed, Counts: true}}
		}, ""},
		{"failing: renewed", alert.RenewalFailing, true, func(s *State, now time.Time) { next(s, now, 90*day) }, "is proven"},
		{"failing: not managed any more", alert.RenewalFailing, true, func(s *State, _ time.Time) { s.Spec.Managed = false }, "not renewed here"},
		{"spent: not yet", alert.AttemptsSpent, true, spend(8), ""},
		{"spent: renewed by hand", alert.AttemptsSpent, true, func(s *State, now time.Time) { spend(8)(s, now); next(s, now, 90*day) }, "is proven"},
		{"spent: resumed", alert.AttemptsSpent, true, func(s *State, now time.Time) { spend(8)(s, now); s.Resume() }, "fresh start"},
		{"spent: more attempts are allowed", alert.AttemptsSpent, true, spend(7), "attempts are left"},
		{"CA: still down", alert.CAUnavailable, true, func(s *State, now time.Time) { s.Renewal.DownSince = now }, ""},
		{"CA: it answered", alert.CAUnavailable, true, func(*State, time.Time) {}, "the CA answered"},
		{"behind: still", alert.TargetBehind, true, func(s *State, now time.Time) {
			s.Spec.Targets, s.Installed = []string{"web1"}, []Installed{{Target: "web1", Behind: "away", Since: now, RetryAt: now.Add(1)}}
		}, ""},
		{"behind: an endpoint shows another", alert.TargetBehind, true, func(s *State, now time.Time) {
			s.Observed(now, seeing(*s, versionNo(3, epoch.Add(-day), 90*day)))
		}, ""},
		{"behind: caught up", alert.TargetBehind, true, func(*State, time.Time) {}, "every target has"},
		{"rollback: in doubt", alert.RollbackUnproven, true, func(s *State, _ time.Time) { s.Renewal.Unproven = "nobody knows" }, ""},
		{"rollback: seen", alert.RollbackUnproven, true, func(s *State, now time.Time) {
			s.Renewal.Unproven = "nobody knows"
			s.Observed(now, seeing(*s, s.Live))
		}, "is proven"},
		{"unseen: still", alert.Unseen, false, func(*State, time.Time) {}, ""},
		{"unseen: seen again", alert.Unseen, false, func(s *State, now time.Time) {
			s.Observed(now.Add(time.Second), seeing(*s, s.Live))
		}, "seen again"},
		{"retired", alert.Unseen, false, func(s *State, _ time.Time) { s.Retire = &Order{By: "minji"} }, "retired by minji"},
	} {
		s, now := firing(76*day, c.managed)
		a := &s.Alerts[0]
		a.Reason, a.ID = c.reason, alert.ID("shop", a.Version, c.reason)
		c.change(&s, now)
		d := look(now.Add(time.Second), &s).closeAlerts()
		got := ""
		if d != nil {
			got = d.Step.Alert.Evidence
			if d.Step.Alert.Edit != alert.Resolved || d.Step.Alert.Open() {
				t.Errorf("%s: closed as %+v", c.name, d.Step.Alert)
			}
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: evidence %q, want %q", c.name, got, c.want)
		}
	}
}

func spend(n int) func(*State, time.Time) {
	return func(s *State, now time.Time) {
		for range n {
			s.attempted(now, Attempt{At: now, Outcome: ValidationFailed, Counts: true}, now.Add(time.Hour))
		}
	}
}

// What replaces a certificate and ends as soon gets an alert of its own; the
// old one closes when that one has fired, so that nobody has two.
func TestAReplacementThatEndsSoonHasItsOwnAlert(t *testing.T) {
	s, now := firing(76*day, false)
	v := versionNo(2, now.Add(-77*day), 90*day)
	s.Observed(now, seeing(s, v))
	d := Next(now, s)
	if d.Step.Kind != StepTell || d.Step.Alert.Version != v.Fingerprint {
		t.Fatalf("%+v", d)
	}
	s.Apply(d, now)
	d = Next(now, s)
	if d.Step.Kind != StepClose || d.Step.Alert.Version == v.Fingerprint || !strings.Contains(d.Step.Alert.Evidence, "an alert of its own") {
		t.Errorf("%+v", d)
	}
}
