package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

func bought(on time.Duration) (State, time.Time) {
	s, now := firing(on, true)
	s.Alerts, s.Spec.Supplied, s.Spec.CA = nil, true, "bought"
	s.EnrolledAt = epoch
	return s, now
}

// Whoever orders by hand is told in time, louder and louder, and nothing is
// ordered by itself.
func TestWhatIsOrderedByHandIsAskedForInTime(t *testing.T) {
	for _, c := range []struct {
		on       time.Duration
		severity alert.Severity // "": nobody is told
	}{{59 * day, ""}, {60 * day, alert.P4}, {75 * day, alert.P3}, {83 * day, alert.P2}, {87 * day, alert.P1}, {91 * day, alert.P1}} {
		s, now := bought(c.on)
		d := Next(now, s)
		switch {
		case d.Step.Kind == StepRun:
			t.Errorf("day %s: it is renewed by itself", c.on)
		case c.severity == "" && d.Step.Kind != StepWait:
			t.Errorf("day %s: %+v", c.on, d.Step)
		case c.severity == "" && (d.Next.Reason != UntilSupply || !d.Next.At.Equal(s.Live.NotAfter.Add(-30*day))):
			t.Errorf("day %s: next is %+v", c.on, d.Next)
		case c.severity != "" && (d.Step.Kind != StepTell || d.Step.Alert.Reason != alert.SupplyNeeded || d.Step.Alert.Severity != c.severity):
			t.Errorf("day %s: %+v, want %s", c.on, d.Step.Alert, c.severity)
		}
	}
	s, now := bought(85 * day)
	s.Spec.Policy.Lead = span("3d")
	if d := Next(now, s); d.Step.Kind == StepTell {
		t.Errorf("told before the policy's lead: %+v", d.Step.Alert)
	}
	s, now = bought(0)
	s.Live, s.Sight = cert.Version{}, Sight{At: now}
	if d := Next(now, s); d.Step.Kind != StepTell || d.Step.Alert.Reason != alert.SupplyNeeded {
		t.Errorf("never issued: %+v", d.Step)
	}
	for _, command := range []string{"neverlapse csr shop", "neverlapse supply shop --chain FILE"} {
		if all := strings.Join(Commands(now, s, Alert{Reason: alert.SupplyNeeded, Status: Firing}), "\n"); !strings.Contains(all, command) {
			t.Errorf("%q is not among\n%s", command, all)
		}
	}
}

func TestWhatWasSuppliedIsDeployedAndTriedAgain(t *testing.T) {
	s, now := bought(70 * day)
	told := Next(now, s)
	s.Apply(told, now)
	s.Land(FlyTell, "")
	if err := s.CheckRenew(now); err == nil || !strings.Contains(err.Error(), "neverlapse supply shop") {
		t.Errorf("a renewal by itself: %v", err)
	}
	v := versionNo(2, now.Add(-time.Hour), 398*day)
	for want, bad := range map[string]cert.Version{
		"does not cover": {Fingerprint: "x", Names: []string{"other.example.com"}, NotBefore: now.Add(-day), NotAfter: now.Add(day)},
		"not now":        {Fingerprint: "x", Names: v.Names, NotBefore: now.Add(day), NotAfter: now.Add(2 * day)},
		"already is":     s.Live,
		"no version":     {Names: v.Names, NotBefore: now.Add(-day), NotAfter: now.Add(day)},
	} {
		if err := s.CheckSupply(now, bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := s.CheckSupply(now, v); err != nil {
		t.Fatal(err)
	}
	s.Supply(Order{By: "minji"}, v)
	d := acting(now, &s)
	if d.Step.Kind != StepRun || d.Step.Run.Discard || d.Step.Run.ByHand != "minji" {
		t.Fatalf("%+v", d.Step)
	}
	if a := s.Alert(told.Step.Alert.ID); a.Open() {
		t.Error("people are still asked to order")
	}
	s.Apply(d, now)
	s.Ended(now, *d.Step.Run, Outcome{Kind: DeployFailed, Cause: "nginx", Version: v, Observations: seeing(s, s.Live), ObservedAt: now})
	at := s.Renewal.RetryAt
	s.Observed(at, seeing(s, s.Live))
	d = acting(at, &s)
	if d.Step.Kind != StepRun {
		t.Fatalf("a deployment that failed is not tried again: %+v", d)
	}
	s.Apply(d, at)
	s.Ended(at, *d.Step.Run, Outcome{Kind: Proven, Version: v, Observations: seeing(s, v), ObservedAt: at})
	if d := acting(at, &s); d.Step.Kind != StepWait || s.Live.Fingerprint != v.Fingerprint || s.Renewal.Supplied != "" {
		t.Errorf("%+v, live %s", d.Step, s.Live.Fingerprint.Short())
	}
	if err := (&State{Spec: Spec{Managed: true}}).CheckSupply(now, v); err == nil {
		t.Error("a version is supplied to what is renewed by ACME")
	}
}
