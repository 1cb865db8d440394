package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

func revoking(change func(*Revoking)) Revoking {
	in := Revoking{Order: Order{By: "minji"}, Reason: cert.Superseded}
	if change != nil {
		change(&in)
	}
	return in
}

func TestWhatIsServedIsNotRevokedByMistake(t *testing.T) {
	s, now := firing(10*day, true)
	for want, in := range map[string]Revoking{
		"is served by":       revoking(nil),
		"reason is missing":  revoking(func(r *Revoking) { r.Reason = "" }),
		"nothing to cancel":  revoking(func(r *Revoking) { r.Cancel = true }),
		"":                   revoking(func(r *Revoking) { r.Force = true }),
		"nothing left to re": revoking(func(r *Revoking) { r.Fingerprint = "old" }),
	} {
		s.Previous = cert.Version{Fingerprint: "old", NotAfter: now}
		err := s.CheckRevoke(now, in)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	s.Spec.Managed = false
	if err := s.CheckRevoke(now, revoking(func(r *Revoking) { r.Force = true })); err == nil {
		t.Error("a watched certificate is revoked")
	}
}

// acting is the next decision that is about more than words.
func acting(now time.Time, s *State) Decision {
	for {
		d := Next(now, *s)
		switch d.Step.Kind {
		case StepTell, StepClose, StepEdit:
			s.Apply(d, now)
			s.Land(FlyTell, "")
			s.Land(FlyEdit, "")
		default:
			return d
		}
	}
}

// Reissue first, prove, then revoke; and what was revoked never comes back.
func TestWhatIsReplacedIsRevokedOnlyWhenTheNewOneIsProven(t *testing.T) {
	s, now := firing(10*day, true)
	s.Alerts, s.Spec.ReuseKey = nil, true
	old := s.Live
	in := revoking(func(r *Revoking) { r.Reissue, r.Reason = true, cert.KeyCompromise })
	if err := s.CheckRevoke(now, in); err != nil {
		t.Fatal(err)
	}
	s.AskRevoke(in)
	d := Next(now, s)
	if d.Step.Kind != StepRun || !d.Step.Run.Discard || !d.Step.Run.NewKey {
		t.Fatalf("the renewal keeps the key or a candidate: %+v", d.Step.Run)
	}
	s.Apply(d, now)
	s.Ended(now, *d.Step.Run, Outcome{Kind: DeployFailed, Cause: "nginx", Version: versionNo(2, now, 90*day), Observations: seeing(s, old), ObservedAt: now})
	if d := Next(now, s); d.Step.Kind == StepRevoke {
		t.Fatal("the old one is revoked although the new one is not proven")
	}
	at := s.Renewal.RetryAt
	s.Observed(at, seeing(s, old))
	d = acting(at, &s)
	if d.Step.Kind != StepRun || d.Step.Run.Discard || !d.Step.Run.NewKey {
		t.Fatalf("the next attempt: %+v %+v", d.Step, d.Step.Run)
	}
	s.Apply(d, at)
	v2 := versionNo(2, now, 90*day)
	s.Ended(at, *d.Step.Run, Outcome{Kind: Proven, Version: v2, Observations: seeing(s, v2), ObservedAt: at})
	d = acting(at, &s)
	if d.Step.Kind != StepRevoke || d.Step.Revoke.Fingerprint != old.Fingerprint {
		t.Fatalf("%s: %+v", d.Reason, d.Step)
	}
	s.Apply(d, at)
	if d := Next(at, s); d.Step.Kind == StepRevoke {
		t.Fatal("it is asked twice at once")
	}
	s.RevokeEnded(at, "", false, time.Time{})
	if s.Revoke != nil || s.Revoked(old.Fingerprint) == nil {
		t.Fatalf("%+v %+v", s.Revoke, s.Revocations)
	}
	for _, to := range []cert.Fingerprint{"", old.Fingerprint} {
		if err := s.CheckRollBack(at, to); err == nil || !strings.Contains(err.Error(), "was revoked") {
			t.Errorf("rolling back to %q: %v", to, err)
		}
	}
	if err := s.CheckRevoke(at, revoking(func(r *Revoking) { r.Fingerprint = old.Fingerprint })); err == nil {
		t.Error("it is revoked twice")
	}
}

func TestAPlaceThatStillHasTheOldOneHoldsUpItsRevocation(t *testing.T) {
	s, now := firing(10*day, true)
	s.Alerts = nil
	s.Previous, s.Live = s.Live, versionNo(2, now, 90*day)
	s.Observed(now, seeing(s, s.Live))
	s.AskRevoke(revoking(func(r *Revoking) { r.Fingerprint, r.Reissue = s.Previous.Fingerprint, true }))
	s.Renew = nil
	s.Spec.Targets = []string{"web1"}
	s.Installed = []Installed{{Target: "web1", Behind: "away", RetryAt: now.Add(day)}}
	if d := Next(now, s); d.Step.Kind == StepRevoke {
		t.Error("a target that is behind would serve what is revoked")
	}
	s.Revoke.Now = true
	if d := Next(now, s); d.Step.Kind != StepRevoke {
		t.Errorf("it is not revoked at once: %+v", d.Step)
	}
}

func TestARevocationThatFailsIsToldAndTriedAgain(t *testing.T) {
	s, now := firing(10*day, true)
	s.Alerts = nil
	s.AskRevoke(revoking(func(r *Revoking) { r.Force = true }))
	tomorrow := now.Add(36 * time.Hour)
	for _, c := range []struct {
		final   bool
		retryAt time.Time
		after   time.Duration
	}{{false, time.Time{}, time.Hour}, {true, time.Time{}, day}, {false, tomorrow, 36 * time.Hour}} {
		s.Flights = []Flight{{Kind: FlyRevoke, At: now}}
		s.RevokeEnded(now, "the CA says no", c.final, c.retryAt)
		if got := s.Revoke.RetryAt.Sub(now); got < c.after-time.Minute || got > c.after+time.Minute {
			t.Errorf("again after %s, want %s", got, c.after)
		}
	}
	d := Next(now, s)
	if d.Step.Kind != StepTell || d.Step.Alert.Reason != alert.RevocationFailing || d.Step.Alert.Severity != alert.P3 {
		t.Fatalf("%s: %+v", d.Reason, d.Step)
	}
	s.Apply(d, now)
	s.Land(FlyTell, "")
	if next := Next(now, s).Next; next.Reason == UntilRevoke && !next.At.Equal(tomorrow) {
		t.Errorf("%+v", next)
	}
	s.AskRevoke(revoking(func(r *Revoking) { r.Cancel = true }))
	if d := Next(now, s); d.Step.Kind != StepClose || s.Revoke != nil {
		t.Errorf("cancelled, and not closed: %+v", d.Step)
	}
}
