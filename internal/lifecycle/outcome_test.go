package lifecycle

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestWhatCostsAnAttempt(t *testing.T) {
	for kind, want := range map[OutcomeKind][2]bool{ // counts, success
		Proven: {false, true}, Behind: {false, true}, CAUnavailable: {false, false}, Waiting: {false, false}, Unreached: {false, false}, Unknown: {false, false}, StoreUnavailable: {false, false},
		ValidationFailed: {true, false}, ConfigurationRefused: {true, false}, DeployFailed: {true, false}, ProofFailed: {true, false}, Unproven: {true, false},
	} {
		if got := [2]bool{kind.Counts(), kind.Success()}; got != want {
			t.Errorf("%s: counts, success = %v", kind, got)
		}
	}
}

func TestWhenRollingBackHelps(t *testing.T) {
	now := epoch.Add(30 * day)
	for name, c := range map[string]struct {
		before  cert.Version
		revoked bool
		lost    string
		want    bool
	}{
		"valid":         {versionNo(1, epoch, 90*day), false, "", true},
		"revoked":       {versionNo(1, epoch, 90*day), true, "", false},
		"expired":       {versionNo(1, epoch, 30*day), false, "", false},
		"nothing":       {cert.Version{}, false, "", false},
		"a second left": {versionNo(1, epoch, 30*day+time.Second), false, "", true},
		"key unknown":   {versionNo(1, epoch, 90*day), false, "not reversible", false},
	} {
		got, why := RollBackHelps(now, c.before, c.revoked, c.lost)
		if got != c.want || got == (why != "") {
			t.Errorf("%s: %v, %q", name, got, why)
		}
	}
}

func renewing(on time.Duration) (State, time.Time, Run) {
	s, now := firing(on, true)
	s.Alerts = nil
	d := Next(now, s)
	s.Apply(d, now)
	return s, now, *d.Step.Run
}

func TestTheBudgetIsNotForgottenWhateverItsSize(t *testing.T) {
	for _, most := range []int{1, 8, 20, 21, 50} {
		s, now, r := renewing(60 * day)
		s.Spec.Policy.MaxAttempts = most
		for i := range most {
			if s.spent() {
				t.Fatalf("spent after %d of %d", i, most)
			}
			for range 3 { // what costs nothing comes in between
				s.Ended(now, r, Outcome{Kind: CAUnavailable, Cause: "down"})
			}
			s.Ended(now, r, Outcome{Kind: ValidationFailed, Cause: "no"})
			now = now.Add(time.Minute)
		}
		if !s.spent() || len(s.Renewal.Attempts) > max(keepAttempts, most) {
			t.Errorf("%d of %d attempts are known", s.counted(), most)
		}
	}
}

func TestARunThatNamesNoVersionIsNoSuccess(t *testing.T) {
	s, now, r := renewing(60 * day)
	s.Ended(now, r, Outcome{Kind: Proven})
	if len(s.Renewal.Attempts) != 1 || s.Renewal.Attempts[0].Outcome != Unknown || !s.Renewal.RetryAt.After(now) {
		t.Errorf("%+v", s.Renewal)
	}
}

func TestAPartialLookProvesNothing(t *testing.T) {
	s, now, r := renewing(60 * day)
	s.Spec.Endpoints = append(s.Spec.Endpoints, cert.Endpoint{Host: "b.example.com", Port: 443})
	v := versionNo(2, now, 90*day)
	s.Ended(now, r, Outcome{Kind: Proven, Version: v, Observations: seeing(s, v), ObservedAt: now})
	if d := Next(now, s); d.Step.Kind != StepLook {
		t.Errorf("nobody looks at the other endpoint: %+v", d)
	}
}

func TestOldNewsIsAskedAgain(t *testing.T) {
	s, now, r := renewing(60 * day)
	old := seeing(s, s.Live)
	s.Flights = append(s.Flights, Flight{Kind: FlyLook, At: now})
	v := versionNo(2, now, 90*day)
	s.Ended(now.Add(time.Minute), r, Outcome{Kind: Proven, Version: v, Observations: seeing(s, v), ObservedAt: now.Add(time.Minute)})
	s.Observed(now.Add(2*time.Minute), old)
	if s.Live.Fingerprint != v.Fingerprint || !s.Sight.AstraySince.IsZero() {
		t.Error("a look that began before the renewal counts")
	}
	if d := Next(now.Add(2*time.Minute), s); d.Step.Kind != StepLook {
		t.Errorf("nobody looks again: %+v", d)
	}
}

func TestWhatANewRunInheritsIsAskedForAgain(t *testing.T) {
	s, now := firing(76*day, true)
	s.Alerts[0].Told, s.Alerts[0].Step = 2, 2
	closed := s.Alerts[0]
	closed.ID, closed.Status = "closed", Resolved
	s.Alerts = append(s.Alerts, closed)
	s.Flights = []Flight{{FlyTell, s.Alerts[0].ID, now}, {FlyEdit, "closed", now}, {FlyLook, "", now}, {FlyRenewal, string(ForRenewal), now}}
	s.Recover(now.Add(time.Minute))
	a := s.Alerts[0]
	if len(s.Flights) != 0 {
		t.Fatalf("still under way: %v", s.Flights)
	}
	if a.Step != 1 || a.Told != 1 || a.NextAt.After(now.Add(time.Minute)) {
		t.Errorf("the notice is not sent again under its key: %+v", a)
	}
	if s.Alerts[1].Edit != alert.Resolved {
		t.Errorf("the messages are not brought up to date: %+v", s.Alerts[1])
	}
	if n := len(s.Renewal.Attempts); n != 1 || s.Renewal.Attempts[0].Outcome != Unknown || s.Renewal.Attempts[0].Counts {
		t.Errorf("the run: %+v", s.Renewal.Attempts)
	}
	if d := Next(now.Add(time.Minute), s); d.Step.Kind != StepLook {
		t.Errorf("the world is not asked first: %+v", d)
	}
}

func TestANoticeThatWasAnsweredIsNotSentAgain(t *testing.T) {
	s, now := firing(76*day, false)
	s.Flights = []Flight{{FlyTell, s.Alerts[0].ID, now}}
	s.Acknowledge(now, Answered{By: "minji"})
	until := s.Alerts[0].NextAt
	s.Recover(now.Add(time.Minute))
	if a := s.Alerts[0]; a.Told != 1 || !a.NextAt.Equal(until) {
		t.Errorf("%+v", a)
	}
}

func TestARollBackWhoseResultWasLostIsSeen(t *testing.T) {
	s, now := firing(20*day, true)
	s.Alerts = nil
	old := s.Live
	s.Previous, s.Live, s.LiveAt = old, versionNo(2, now.Add(-day), 90*day), now.Add(-day)
	s.Observed(now, seeing(s, s.Live))
	s.AskRollBack(Order{By: "minji"})
	d := Next(now, s)
	s.Apply(d, now)
	s.Recover(now.Add(time.Hour))
	if s.Renewal.Unproven == "" {
		t.Error("nothing is in doubt")
	}
	s.Observed(now.Add(time.Hour), seeing(s, old))
	if s.Live.Fingerprint != old.Fingerprint || s.Held == nil || s.Renewal.Unproven != "" {
		t.Errorf("the previous version is served: live %s, held %v, %q", s.Live.Fingerprint.Short(), s.Held, s.Renewal.Unproven)
	}
}

func TestANoticeThatReachedNobody(t *testing.T) {
	for _, c := range []struct {
		name           string
		step           int
		used           []string
		wantStep       int
		soonest, least time.Duration
	}{
		{"goes on at once with the next step", 1, nil, 1, 0, 0},
		{"begins again if nobody was reached at all", 4, nil, 0, time.Minute, time.Hour},
		{"tries the last again if the others were", 4, []string{"slack"}, 3, time.Minute, time.Hour},
	} {
		s, now := firing(76*day, false)
		a := &s.Alerts[0]
		a.Step, a.Used = c.step, c.used
		s.Told(now, Told{Alert: a.ID, Failed: []string{"slack: 500"}})
		if wait := a.NextAt.Sub(now); a.Step != c.wantStep || wait < c.soonest || wait > c.least || !a.Unreached || len(a.Failed) != 2 {
			t.Errorf("%s: %+v", c.name, *a)
		}
	}
}

func TestACertificateForOtherNamesIsNotTheOneThatIsWatched(t *testing.T) {
	s, now := firing(10*day, false)
	s.Alerts = nil
	other := versionNo(9, now, 3650*day)
	other.Names = []string{"default.invalid"}
	for i := range 4 {
		now = now.Add(day)
		s.Observed(now, seeing(s, other))
		if i == 3 {
			d := Next(now, s)
			if s.Live.Serial != "1" || d.Step.Kind != StepTell || d.Step.Alert.Reason != alert.Unseen || d.Step.Alert.Cause == "" {
				t.Errorf("live %s, %+v", s.Live.Serial, d.Step)
			}
		}
	}
}

func TestWhatIsWatchedIsWhatIsServed(t *testing.T) {
	s, now := firing(10*day, false)
	s.Alerts = nil
	expired := versionNo(3, epoch.Add(-100*day), 90*day)
	s.Observed(now, seeing(s, expired))
	d := Next(now, s)
	if s.Live.Serial != "3" || d.Step.Kind != StepTell || d.Step.Alert.Severity != alert.P1 {
		t.Errorf("an expired certificate is put in place: live %s, %+v", s.Live.Serial, d.Step)
	}
}

func TestLongTextsAreClipped(t *testing.T) {
	s, now, r := renewing(60 * day)
	s.Spec.Targets = []string{"web1"}
	long := strings.Repeat("é", 1<<20)
	s.Ended(now, r, Outcome{Kind: Unreached, Cause: long, Installed: []Installed{{Target: "web1", Behind: long}}})
	s.Alerts = []Alert{{ID: "a", Status: Firing, Plan: "P1", Step: 1}}
	s.Told(now, Told{Alert: "a", Failed: slices.Repeat([]string{long}, 100)})
	b, err := json.Marshal(s)
	if err != nil || len(b) > 64<<10 || !utf8.Valid(b) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestARollBackThatTouchedNothingLeavesNothingInDoubtAndHoldsNothing(t *testing.T) {
	for kind, doubt := range map[OutcomeKind]bool{ConfigurationRefused: false, DeployFailed: false, ProofFailed: false, Unproven: true, Unknown: true} {
		s := State{Spec: Spec{Name: "a", Managed: true, Policy: Default()}, Live: versionNo(2, epoch, 90*day), Previous: versionNo(1, epoch, 60*day), Held: &Order{By: "minji"}}
		s.Ended(epoch.Add(day), Run{Purpose: ForRollBack, Version: s.Previous.Fingerprint}, Outcome{Kind: kind, Cause: "the store has no such version"})
		if got := s.Renewal.Unproven != ""; got != doubt || (s.Held != nil) != doubt {
			t.Errorf("%s: in doubt %q, held %v", kind, s.Renewal.Unproven, s.Held)
		}
	}
}
