package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// fleet is an attempt for web1 to webN, each with an endpoint that it feeds, by
// a plan of batches.
func fleet(n int, s *script, mayFail int, sizes ...int) workflows.RenewalInput {
	in := two()
	in.Targets, in.Endpoints, in.MayFail = nil, nil, mayFail
	before := map[string]cert.Version{}
	for i := range n {
		t := fmt.Sprintf("web%d", i+1)
		in.Targets, before[t] = append(in.Targets, t), earlier
		in.Endpoints = append(in.Endpoints, cert.Endpoint{Host: t + ".test", Port: 443, Target: t})
	}
	if s.before == nil {
		s.before = before
	}
	rest := in.Targets
	for i, size := range sizes {
		in.Batches = append(in.Batches, lifecycle.Batch{Targets: rest[:size], Canary: i == 0, Bake: 10 * time.Minute})
		rest = rest[size:]
	}
	in.SafeBy = start.Add(20 * 24 * time.Hour)
	return in
}

// stages are where the targets stand in the end, in the order of the plan.
func stages(out workflows.RenewalOutput) string {
	var all []string
	for _, t := range out.Rollout.Targets {
		all = append(all, fmt.Sprintf("%d:%s", t.Batch, t.Stage))
	}
	return strings.Join(all, " ")
}

func TestARolloutGoesByBatchesAndEachIsTheGateOfTheNext(t *testing.T) {
	with := func(what string, err error) map[string]error { return map[string]error{what: err} }
	wrong := func(target string) map[string]cert.Version {
		return map[string]cert.Version{target + ".test:443": earlier}
	}
	for _, c := range []struct {
		name    string
		fails   map[string]error
		shows   map[string]cert.Version
		mayFail int
		want    lifecycle.OutcomeKind
		stages  string
		cause   string
	}{
		{name: "all goes well", want: lifecycle.Proven, stages: "1:proven 2:proven 2:proven 3:proven 3:proven"},
		{name: "the canary goes on with the old", shows: wrong("web1"), mayFail: 5, want: lifecycle.ProofFailed,
			stages: "1:restored 2:untouched 2:untouched 3:untouched 3:untouched", cause: "undone after batch 1 of 3: the canary failed"},
		{name: "one goes on with the old", shows: wrong("web3"), want: lifecycle.ProofFailed,
			stages: "1:restored 2:restored 2:restored 3:untouched 3:untouched", cause: "undone after batch 2 of 3: 1 of 5 targets failed, more than the 0 that may"},
		{name: "one of the last goes on with the old", shows: wrong("web5"), want: lifecycle.ProofFailed, stages: "1:restored 2:restored 2:restored 3:restored 3:restored"},
		{name: "one fails within the budget", shows: wrong("web3"), mayFail: 1, want: lifecycle.ProofFailed, stages: "1:proven 2:proven 2:restored 3:proven 3:proven"},
		{name: "a check refuses", fails: with("Install web2", failing(activities.Configuration)), want: lifecycle.ConfigurationRefused,
			stages: "1:restored 2:restored 2:restored 3:untouched 3:untouched"},
		{name: "a configuration was broken before", fails: with("Prepare web2", failing(activities.Configuration)), want: lifecycle.ConfigurationRefused,
			stages: "1:restored 2:waiting 2:restored 3:untouched 3:untouched"},
		{name: "one is out of reach", fails: with("Prepare web2", failing(activities.Unavailable)), want: lifecycle.Behind, stages: "1:proven 2:behind 2:proven 3:proven 3:proven"},
		{name: "the canary is out of reach", fails: with("Prepare web1", failing(activities.Unavailable)), want: lifecycle.Behind,
			stages: "1:behind 2:proven 3:proven 4:proven 4:proven"},
		{name: "nobody can look at a batch", fails: with("Verify web2+web3", failing("other")), want: lifecycle.Unknown,
			stages: "1:proven 2:unseen 2:unseen 3:untouched 3:untouched", cause: "stopped after batch 2 of 3"},
		{name: "our own store fails", fails: with("Install web2", failing(activities.Unavailable, ofOurStore)), want: lifecycle.Unknown,
			stages: "1:proven 2:restored 2:proven 3:untouched 3:untouched"},
		{name: "one cannot be undone", shows: wrong("web3"), fails: with("RollBack web1", failing("other")), want: lifecycle.Unproven,
			stages: "1:doubtful 2:restored 2:restored 3:untouched 3:untouched"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{fails: c.fails, shows: c.shows}
			out := s.run(t, fleet(5, s, c.mayFail, 1, 2, 2))
			if out.Kind != string(c.want) || stages(out) != c.stages || !contains(out.Cause, c.cause) {
				t.Errorf("ended %s: %s\n%s\nwant %s: %s\n%s", out.Kind, stages(out), out.Cause, c.want, c.stages, c.cause)
			}
			for _, stop := range out.Rollout.Targets {
				touched := slices.Contains(s.called("Prepare"), "Prepare "+stop.Target)
				if touched == (stop.Stage == lifecycle.StageUntouched) {
					t.Errorf("%s is %s; touched: %v", stop.Target, stop.Stage, touched)
				}
				if stop.Stage == lifecycle.StageRestored && s.has[stop.Target].Fingerprint != earlier.Fingerprint {
					t.Errorf("%s is restored and has %s", stop.Target, s.has[stop.Target].Fingerprint.Short())
				}
			}
			if promoted := len(s.called("Promote")) > 0; promoted != c.want.Success() {
				t.Errorf("made live: %v", promoted)
			}
		})
	}
}

func TestAFailureOfTheBakeIsFoundByTheProofAfterIt(t *testing.T) {
	s := &script{}
	in := fleet(3, s, 0, 1, 2)
	s.spoils = map[string]int{"web1": 2} // the second look finds the old one again
	out := s.run(t, in)
	if out.Kind != string(lifecycle.ProofFailed) || stages(out) != "1:restored 2:untouched 2:untouched" {
		t.Errorf("ended %s: %s\n%s", out.Kind, stages(out), out.Cause)
	}
}

func TestBatchesBakeAndAreProvenAgainBeforeTheNextBegins(t *testing.T) {
	s := &script{}
	out := s.run(t, fleet(5, s, 0, 1, 2, 2))
	if took := out.Rollout.Ended.Sub(out.Rollout.Began); took < 20*time.Minute {
		t.Errorf("two bakes of 10 minutes took %s", took)
	}
	if got, want := s.called("Verify"), []string{"Verify web1", "Verify web1", "Verify web2+web3", "Verify web2+web3", "Verify web4+web5"}; !slices.Equal(got, want) {
		t.Errorf("proven: %v", got)
	}
}

func TestTheLastSafeMomentShortensTheBake(t *testing.T) {
	s := &script{}
	in := fleet(5, s, 0, 1, 2, 2)
	in.SafeBy = start.Add(4 * time.Minute)
	out := s.run(t, in)
	if took := out.Rollout.Ended.Sub(out.Rollout.Began); out.Kind != string(lifecycle.Proven) || took > 4*time.Minute {
		t.Errorf("ended %s after %s", out.Kind, took)
	}
}

func TestWhatIsProvenStaysWhereUndoingWouldNotHelp(t *testing.T) {
	s := &script{shows: map[string]cert.Version{"web3.test:443": earlier}}
	in := fleet(3, s, 0, 1, 2)
	s.before["web1"] = expired
	out := s.run(t, in)
	if out.Kind != string(lifecycle.ProofFailed) || stages(out) != "1:proven 2:restored 2:restored" || !contains(out.Cause, "web1: undone with the others") || !contains(out.Cause, "not rolled back: the previous certificate") {
		t.Errorf("ended %s: %s\n%s", out.Kind, stages(out), out.Cause)
	}
}

func TestAnEndpointOfNoTargetIsAskedWhenEveryTargetHasTheVersion(t *testing.T) {
	s := &script{}
	in := fleet(3, s, 0, 1, 2)
	balancer := cert.Endpoint{Host: "balancer.test", Port: 443}
	in.Endpoints = append(in.Endpoints, balancer)
	s.shows = map[string]cert.Version{balancer.String(): fresh}
	out := s.run(t, in)
	asked := slices.ContainsFunc(out.Observations, func(o cert.Observation) bool { return o.Endpoint == balancer })
	if out.Kind != string(lifecycle.Proven) || !asked {
		t.Errorf("ended %s, asked: %v", out.Kind, asked)
	}
}
