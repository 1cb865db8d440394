package workflows_test

import (
	"slices"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestEveryFailureOfAnAttemptHasItsOutcome(t *testing.T) {
	nothing := map[string]cert.Version{}
	old := map[string]cert.Version{"web1": expired, "web2": expired}
	for _, c := range []struct {
		name     string
		fails    map[string]error
		before   map[string]cert.Version
		lost     string
		shows    map[string]cert.Version
		want     lifecycle.OutcomeKind
		restored []string // targets that were rolled back
		cause    string
	}{
		{name: "all goes well", want: lifecycle.Proven},
		{name: "nothing was there before", before: nothing, want: lifecycle.Proven},

		{name: "our store is down at the candidate", fails: map[string]error{"Candidate": failing(activities.Unavailable, ofOurStore)}, want: lifecycle.StoreUnavailable, cause: "is away, and the CA is not to blame (see: neverlapse doctor --only store): it said no"},
		{name: "our store is down when the CA is asked", fails: map[string]error{"Order": failing(activities.Transient, ofOurStore)}, want: lifecycle.StoreUnavailable},
		{name: "nobody grants an order", fails: map[string]error{"Candidate": failing(activities.Unavailable, ofTemporal)}, want: lifecycle.Unknown, cause: "it said no"},
		{name: "our store refuses at the order", fails: map[string]error{"Order": failing(activities.Conflict, ofOurStore)}, want: lifecycle.Unknown},
		{name: "the CA is down", fails: map[string]error{"Order": failing(activities.Unavailable)}, want: lifecycle.CAUnavailable, cause: "it said no"},
		{name: "the CA refuses the order", fails: map[string]error{"Order": failing(activities.Configuration)}, want: lifecycle.ConfigurationRefused},
		{name: "a challenge fails", fails: map[string]error{"Authorize": failing(activities.Validation)}, want: lifecycle.ValidationFailed},
		{name: "the order is gone", fails: map[string]error{"Finalize": failing(activities.NotFound)}, want: lifecycle.ValidationFailed},
		{name: "our store is down at the end of issuing", fails: map[string]error{"Finalize": failing(activities.Unavailable, ofOurStore)}, want: lifecycle.StoreUnavailable},

		{name: "one configuration was broken before", fails: map[string]error{"Prepare web1": failing(activities.Configuration)}, want: lifecycle.ConfigurationRefused, cause: "web1: it said no"},
		{name: "our store keeps no capture", fails: map[string]error{"Prepare web1": failing(activities.Unavailable, ofOurStore)}, want: lifecycle.Unknown, cause: "web1: it said no"},
		{name: "one target is out of reach", fails: map[string]error{"Prepare web1": failing(activities.Unavailable)}, want: lifecycle.Behind, cause: "web1: it said no"},
		{name: "no target is in reach", fails: map[string]error{"Prepare web1": failing(activities.Unavailable), "Install web2": failing(activities.Unavailable)}, want: lifecycle.Unreached},

		{name: "one check refuses", fails: map[string]error{"Install web1": failing(activities.Configuration)}, want: lifecycle.ConfigurationRefused, restored: []string{"web1"}},
		{name: "one check refuses where nothing was", before: nothing, fails: map[string]error{"Install web1": failing(activities.Configuration)}, want: lifecycle.ConfigurationRefused, restored: []string{"web1"}},
		{name: "one write fails", fails: map[string]error{"Install web2": failing("other")}, want: lifecycle.DeployFailed, restored: []string{"web2"}},
		{name: "one write fails where an expired one was", before: old, fails: map[string]error{"Install web2": failing("other")}, want: lifecycle.Unproven, cause: "not rolled back"},
		{name: "one reload fails", fails: map[string]error{"Install web2": failing(activities.Proof)}, want: lifecycle.ProofFailed, restored: []string{"web2"}},

		{name: "one endpoint goes on with the old", shows: map[string]cert.Version{"web1.test:443": earlier}, want: lifecycle.ProofFailed, restored: []string{"web1"}, cause: "instead of"},
		{name: "one endpoint shows nothing", shows: map[string]cert.Version{"web1.test:443": {}}, want: lifecycle.Unproven, restored: []string{"web1"}, cause: "not proven to be back"},
		{name: "the proof fails where nothing was", before: nothing, shows: map[string]cert.Version{"web1.test:443": {}}, want: lifecycle.Unproven, cause: "there was no certificate before"},
		{name: "the proof fails where an expired one was", before: old, shows: map[string]cert.Version{"web1.test:443": expired}, want: lifecycle.Unproven, cause: "expired at"},
		{name: "the proof fails where what was there cannot come back", lost: "not reversible", shows: map[string]cert.Version{"web1.test:443": earlier}, want: lifecycle.Unproven, cause: "not rolled back: not reversible"},
		{name: "what cannot come back need not", lost: "not reversible", want: lifecycle.Proven},
		{name: "one goes on with the new after it was rolled back", fails: map[string]error{"Install web1": failing(activities.Proof)}, shows: map[string]cert.Version{"web1.test:443": fresh}, want: lifecycle.Unproven, restored: []string{"web1"}, cause: "not proven to be back"},

		{name: "rolling back fails", fails: map[string]error{"Install web1": failing(activities.Proof), "RollBack web1": failing(activities.Configuration)}, want: lifecycle.Unproven, restored: []string{"web1"}, cause: "rolling back failed"},
		{name: "the refused bytes cannot be put back", fails: map[string]error{"Install web1": failing(activities.Configuration), "RollBack web1": failing("other")}, want: lifecycle.Unproven, restored: []string{"web1"}},
		{name: "nobody can look", fails: map[string]error{"Verify web1+web2": failing("other")}, want: lifecycle.Unknown, cause: "nobody could look"},
		{name: "nobody can look after rolling back", fails: map[string]error{"Install web1": failing(activities.Proof), "Verify web1": failing("other")}, want: lifecycle.Unproven, restored: []string{"web1"}},
		{name: "the store does not take the proof", fails: map[string]error{"Promote": failing(activities.Unavailable, ofOurStore)}, want: lifecycle.Unknown, cause: "the version is proven"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{fails: c.fails, before: c.before, lost: c.lost, shows: c.shows}
			out := s.run(t, two())
			if out.Kind != string(c.want) || !contains(out.Cause, c.cause) {
				t.Errorf("ended %s: %q; want %s: %q\n%v", out.Kind, out.Cause, c.want, c.cause, s.calls)
			}
			var want []string
			for _, target := range c.restored {
				want = append(want, "RollBack "+target)
			}
			if got := s.called("RollBack"); !slices.Equal(got, want) {
				t.Errorf("rolled back %v; want %v", got, want)
			}
			if promoted := len(s.called("Promote")) > 0; promoted && !c.want.Success() && c.fails["Promote"] == nil {
				t.Error("it was made live without proof")
			}
		})
	}
}

func TestOneTargetThatFailsLeavesTheOtherWhereItIs(t *testing.T) {
	s := &script{fails: map[string]error{"Install web1": failing(activities.Configuration)}}
	out := s.run(t, two())
	want := []workflows.TargetResult{{Target: "web1", Fingerprint: earlier.Fingerprint}, {Target: "web2", Fingerprint: fresh.Fingerprint}}
	if !slices.Equal(out.Targets, want) {
		t.Errorf("targets: %+v; want %+v", out.Targets, want)
	}
}

func TestATargetThatIsBehindHoldsUpNobody(t *testing.T) {
	s := &script{fails: map[string]error{"Prepare web1": failing(activities.Unavailable)}}
	in := two()
	in.Endpoints = append(in.Endpoints, cert.Endpoint{Host: "balancer.test", Port: 443}) // may be fed by either
	out := s.run(t, in)
	want := []workflows.TargetResult{{Target: "web1", Behind: "it said no"}, {Target: "web2", Fingerprint: fresh.Fingerprint}}
	if out.Kind != string(lifecycle.Behind) || !slices.Equal(out.Targets, want) {
		t.Errorf("ended %s: %+v; want %+v", out.Kind, out.Targets, want)
	}
	if got := s.called("Verify"); !slices.Equal(got, []string{"Verify web2"}) {
		t.Errorf("looked at %v", got)
	}
}

func TestNoTargetIsNoProof(t *testing.T) {
	in := two()
	in.Targets, in.Endpoints = nil, nil
	s := &script{}
	if out := s.run(t, in); out.Kind != string(lifecycle.ConfigurationRefused) {
		t.Errorf("ended %s", out.Kind)
	}
}

func TestAStatedVersionIsDeployedWithoutTheCA(t *testing.T) {
	in := two()
	in.Purpose, in.Version = string(lifecycle.ForDeploy), fresh.Fingerprint
	s := &script{}
	if out := s.run(t, in); out.Kind != string(lifecycle.Proven) {
		t.Errorf("ended %s: %s", out.Kind, out.Cause)
	}
	if asked := slices.Concat(s.called("Candidate"), s.called("Order"), s.called("Authorize"), s.called("Finalize")); len(asked) > 0 {
		t.Errorf("the CA was asked: %v", asked)
	}
	in.Version = "unknown"
	if out := s.run(t, in); out.Kind != string(lifecycle.ConfigurationRefused) || !contains(out.Cause, "no version unknown") {
		t.Errorf("ended %s: %s", out.Kind, out.Cause)
	}
}

func TestOurStoreThatDoesNotAnswerWithinTheTaskIsAskedByAnActivity(t *testing.T) {
	broken := temporal.NewApplicationError("disk is slow", "other")
	for _, activity := range []string{"Candidate", "Promote"} {
		s := &script{once: map[string]error{activity: broken}}
		l := &labels{t: t, seen: map[string]int{}}
		if out := s.run(t, two(), l); out.Kind != string(lifecycle.Proven) {
			t.Errorf("%s: ended %s: %s", activity, out.Kind, out.Cause)
		}
		if asked := s.called(activity); len(asked) != 2 {
			t.Errorf("%s: asked %d times, want once within the task and once more", activity, len(asked))
		}
		if l.seen["within the task "+activity] != 1 || l.seen["activity "+activity] != 1 {
			t.Errorf("%s: %v", activity, l.seen)
		}
	}
}

func TestAnAttemptOfAnOlderReleaseAsksOurStoreByActivities(t *testing.T) {
	in := two()
	in.InTask = false
	l := &labels{t: t, seen: map[string]int{}}
	if out := (&script{}).run(t, in, l); out.Kind != string(lifecycle.Proven) {
		t.Errorf("ended %s: %s", out.Kind, out.Cause)
	}
	if l.seen["within the task"] != 0 || l.seen["activity Candidate"] != 1 || l.seen["activity Promote"] != 1 {
		t.Errorf("%v", l.seen)
	}
}
