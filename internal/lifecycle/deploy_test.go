package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// shelf is a certificate with three targets, a previous version and room to act.
func shelf() (State, time.Time) {
	s, now := firing(20*day, true)
	s.Spec.Targets = []string{"a", "b", "c"}
	s.Alerts = nil
	s.Previous = cert.Version{Fingerprint: "older", NotBefore: s.Live.NotBefore, NotAfter: s.Live.NotAfter.Add(-day), Names: s.Live.Names}
	return s, now
}

func TestADeploymentThatWouldNotHelpIsRefused(t *testing.T) {
	for want, c := range map[string]struct {
		order  Order
		change func(*State)
	}{
		"is only watched":                {change: func(s *State) { s.Spec.Managed = false }},
		"is under way":                   {change: func(s *State) { s.Flights = []Flight{{Kind: FlyRenewal}} }},
		"never been issued":              {change: func(s *State) { s.Live = cert.Version{} }},
		`has no target "d"; it has a, b`: {order: Order{Targets: []string{"a", "d"}}},
		"was revoked":                    {order: Order{Fingerprint: "older"}, change: func(s *State) { s.Revocations = []cert.Revocation{{Fingerprint: "older"}} }},
		"expired at":                     {change: func(s *State) { s.Live.NotAfter = s.Live.NotBefore }},
		"neverlapse renew":               {order: Order{Fingerprint: "next"}, change: func(s *State) { s.Renewal.Candidate.Fingerprint = "next" }},
	} {
		s, now := shelf()
		if c.change != nil {
			c.change(&s)
		}
		if err := s.CheckDeploy(now, c.order); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	s, now := shelf()
	s.Renewal.Candidate.Fingerprint = "next"
	if err := s.CheckDeploy(now, Order{Fingerprint: "next", Targets: []string{"b"}}); err != nil {
		t.Errorf("a candidate may be tried on one target: %v", err)
	}
}

// deployed asks for an order, begins it and ends it by an outcome.
func deployed(t *testing.T, s *State, now time.Time, o Order, kind OutcomeKind) Run {
	t.Helper()
	o.By = "minji"
	if err := s.CheckDeploy(now, o); err != nil {
		t.Fatal(err)
	}
	s.AskDeploy(o)
	d := Next(now, s.Clone())
	if d.Step.Kind != StepRun || d.Reason != DeployAsked || d.Step.Run.ByHand != "minji" {
		t.Fatalf("decided %+v", d.Step)
	}
	run := *d.Step.Run
	s.Apply(d, now)
	out := Outcome{Kind: kind, Version: cert.Version{Fingerprint: run.Version, NotBefore: s.Live.NotBefore, NotAfter: s.Live.NotAfter, Names: s.Live.Names}}
	for _, target := range run.Targets {
		out.Installed = append(out.Installed, Installed{Target: target, Fingerprint: run.Version})
	}
	s.Ended(now, run, out)
	if s.Deploy != nil {
		t.Error("it would be done again")
	}
	return run
}

func TestTheLiveVersionIsDeployedAgainAndNothingElseChanges(t *testing.T) {
	s, now := shelf()
	live := s.Live.Fingerprint
	run := deployed(t, &s, now, Order{Targets: []string{"b"}}, Proven)
	if run.Part || len(run.Targets) != 1 || s.Live.Fingerprint != live || s.Held != nil {
		t.Errorf("run %+v, live %s, held %v", run, s.Live.Fingerprint, s.Held)
	}
	for _, c := range []struct {
		targets []string
		doubt   string
	}{{[]string{"b"}, "c may serve anything"}, {nil, ""}} {
		s, now := shelf()
		s.Renewal.Unproven = "c may serve anything"
		if deployed(t, &s, now, Order{Targets: c.targets}, Proven); s.Renewal.Unproven != c.doubt {
			t.Errorf("after deploying to %v the doubt is %q", c.targets, s.Renewal.Unproven)
		}
	}
}

func TestAnotherVersionEverywhereBecomesLiveAndIsHeld(t *testing.T) {
	s, now := shelf()
	run := deployed(t, &s, now, Order{Fingerprint: "older"}, Proven)
	if run.Part || s.Live.Fingerprint != "older" || s.Held == nil || s.Held.By != "minji" {
		t.Errorf("run %+v, live %s, held %v", run, s.Live.Fingerprint, s.Held)
	}
	s, now = shelf()
	deployed(t, &s, now, Order{Fingerprint: "older"}, ProofFailed)
	if s.Held != nil || s.Live.Fingerprint == "older" {
		t.Errorf("every target has what it had, and it is held: %+v", s.Held)
	}
}

func TestAnotherVersionOnSomeTargetsLeavesTheLiveOne(t *testing.T) {
	s, now := shelf()
	live := s.Live.Fingerprint
	run := deployed(t, &s, now, Order{Fingerprint: "older", Targets: []string{"b"}}, Proven)
	if !run.Part || s.Live.Fingerprint != live || s.Held != nil || s.Place("b").Fingerprint != "older" {
		t.Errorf("run %+v, live %s, held %v, installed %+v", run, s.Live.Fingerprint, s.Held, s.Installed)
	}
}

func TestBatchesAreForRenewalsAndDeploymentsByHand(t *testing.T) {
	s, now := shelf()
	s.Spec.Policy.Rollout = RolloutPolicy{Batch: "1", MayFail: "50%"}
	v := look(now, &s)
	for _, c := range []struct {
		run  Run
		want int
	}{
		{Run{Purpose: ForRenewal}, 3}, {Run{Purpose: ForDeploy, ByHand: "minji"}, 3}, {Run{Purpose: ForDeploy, ByHand: "minji", Targets: []string{"a"}}, 0},
		{Run{Purpose: ForDeploy}, 0}, {Run{Purpose: ForRollBack, ByHand: "minji"}, 0},
	} {
		got := v.run(RenewAsked, c.run).Step.Run
		if len(got.Batches) != c.want || c.want > 0 && got.MayFail != 1 {
			t.Errorf("%+v has %d batches, of which %d may fail", c.run, len(got.Batches), got.MayFail)
		}
	}
}
