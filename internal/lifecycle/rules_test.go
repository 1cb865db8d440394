package lifecycle

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestNothingIsDeployedOnceTheBudgetIsSpent(t *testing.T) {
	s, now := firing(70*day, true)
	s.Alerts, s.Spec.Targets = nil, []string{"web1"}
	s.Installed = []Installed{{Target: "web1", Behind: "away", Since: now.Add(-day), RetryAt: now}}
	s.Renewal.RetryAt = now.Add(day)
	if d := Next(now, s); d.Step.Kind != StepRun || d.Step.Run.Purpose != ForDeploy {
		t.Fatalf("what is behind is not tried again: %+v", d)
	}
	spend(8)(&s, now)
	if d := Next(now, s); d.Step.Kind == StepRun {
		t.Errorf("%s although the budget is spent", d.Reason)
	}
}

func TestAMilderPolicyDoesNotMakeAnOpenAlertMilder(t *testing.T) {
	s, now := firing(88*day, false)
	s.Alerts[0].Severity, s.Alerts[0].Plan, s.Alerts[0].Level = alert.P1, "P1", 0
	s.Spec.Policy.Thresholds = []Threshold{{span("10d"), alert.P4}, {span("5d"), alert.P3}}
	d := Next(now, s)
	if d.Step.Kind != StepTell || d.Step.Alert.Severity != alert.P1 || d.Step.Alert.Plan != "P1" || d.Step.Alert.Level != 1 {
		t.Errorf("%+v", d.Step.Alert)
	}
}

// A CA that hands out what is due at once must not be asked in a circle.
func TestRenewalsAreKeptApart(t *testing.T) {
	s, now, r := renewing(60 * day)
	due := versionNo(2, now.Add(-80*day), 90*day)
	s.Ended(now, r, Outcome{Kind: Proven, Version: due, Observations: seeing(s, due), ObservedAt: now})
	if d := Next(now, s); d.Step.Kind == StepRun {
		t.Fatalf("it is renewed again at once: %s", d.Reason)
	}
	if d := Next(now.Add(9*day+time.Second), s); d.Step.Kind != StepRun {
		t.Errorf("it is not renewed after a tenth of the lifetime: %+v", d)
	}
}

// Thresholds meant for long lives are all crossed when a short one begins.
func TestThresholdsBeforeTheRenewalIsDueAreNoNews(t *testing.T) {
	spec := Spec{Managed: true, Policy: Default()}
	spec.Policy.Thresholds = []Threshold{{span("30d"), alert.P4}, {span("15d"), alert.P3}, {span("7d"), alert.P2}, {span("1d"), alert.P1}}
	w := newWorld(spec, epoch, 6*day)
	w.begin(epoch, true)
	w.play(epoch.Add(20 * day))
	if len(w.told) > 0 || w.made < 6 {
		t.Errorf("%d versions:\n%s", w.made, tail(w.lines, 10))
	}
}

// However late the CA wants it renewed: past the last safe moment people know.
func TestALateWindowIsToldFromItsThresholds(t *testing.T) {
	s, now := firing(83*day, true)
	s.Alerts = nil
	s.Window = &cert.Window{Start: epoch.Add(88 * day), End: epoch.Add(89 * day)}
	d := Next(now, s)
	if d.Step.Kind != StepTell || d.Step.Alert.Severity != alert.P2 {
		t.Errorf("seven days left, no replacement: %+v", d)
	}
}

func TestAWaitSaysWhatIsNext(t *testing.T) {
	s, now := firing(10*day, true)
	s.Alerts = nil
	d := Next(now, s)
	if d.Step.Kind != StepWait || d.Next.Reason != UntilRenewal || !d.Next.At.Equal(epoch.Add(60*day)) || !d.Attributes.NextStepAt.Equal(d.Next.At) {
		t.Errorf("%+v", d)
	}
	events := Upcoming(now, s)
	if len(events) != 2 || events[1].Reason != UntilThreshold {
		t.Errorf("%+v", events)
	}
	if got := d.Attributes; got.State != StateHealthy || got.Severity != "" || len(got.Hosts) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTheStateAsSearchedFor(t *testing.T) {
	for want, change := range map[string]func(*State, time.Time){
		StateFiring:       func(*State, time.Time) {},
		StateAcknowledged: func(s *State, now time.Time) { s.Acknowledge(now, Answered{By: "x"}) },
		StatePaused: func(s *State, now time.Time) {
			s.Alerts, s.Paused = nil, &Pause{Until: now.Add(day)}
		},
		StateSpent:    spend(8),
		StateRenewing: func(s *State, now time.Time) { s.Flights = []Flight{{Kind: FlyRenewal, At: now}} },
		StateRetired:  func(s *State, _ time.Time) { s.Retire = &Order{} },
	} {
		s, now := firing(50*day, true)
		change(&s, now)
		if got := Next(now, s).Attributes.State; got != want {
			t.Errorf("%s is %s", want, got)
		}
	}
}
