package lifecycle

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// imported is a watched certificate of 90 days, enrolled by a file and just seen.
func imported(left time.Duration) (State, time.Time) {
	now := epoch.Add(90*day - left)
	s := State{Spec: Spec{Name: "shop", Names: []string{"shop.example.com"}, Policy: Default()}, EnrolledAt: now, Import: &Import{ID: "import/1", Until: now.Add(time.Hour), Awaited: true}}
	w := newWorld(s.Spec, epoch, 90*day)
	w.begin(now, true)
	s.Spec = w.s.Spec
	w.now = now
	s.Observed(now, w.observe())
	return s, now
}

func TestWhatStandsAtImportWaitsUnlessADayOrLessIsLeft(t *testing.T) {
	for name, tc := range map[string]struct {
		left     time.Duration
		severity alert.Severity // empty: nothing stands
		held     bool
	}{
		"far away":            {80 * day, "", false},
		"past one threshold":  {20 * day, alert.P4, true},
		"past most":           {2 * day, alert.P1, true},
		"an hour above a day": {25 * time.Hour, alert.P1, true},
		"a day":               {24 * time.Hour, alert.P1, false},
		"expired":             {-time.Hour, alert.P1, false},
	} {
		s, now := imported(tc.left)
		d := Next(now, s)
		if d.Step.Kind != StepReport || d.Reason != ImportAsks {
			t.Fatalf("%s: the import is not told first: %+v", name, d)
		}
		var got Standing
		if d.Step.Standing != nil {
			got = *d.Step.Standing
		}
		if got != (Standing{tc.severity, tc.held}) || (d.Step.Alert != nil) != tc.held {
			t.Errorf("%s: %+v with %+v", name, got, d.Step.Alert)
		}
		s.Apply(d, now)
		s.Reported(now, true)
		if d = Next(now, s); (d.Step.Kind == StepTell) != (tc.severity != "" && !tc.held) {
			t.Errorf("%s: then %s (%s)", name, d.Step.Kind, d.Reason)
		}
	}
}

// held is an imported alert that waits for its summary.
func held(t *testing.T) (State, time.Time) {
	t.Helper()
	s, now := imported(6 * day)
	s.Apply(Next(now, s), now)
	s.Reported(now, true)
	if d := Next(now, s); d.Step.Kind != StepWait || d.Next.Reason != UntilSummary || !d.Next.At.Equal(s.Import.Until) || d.Attributes.State != StateFiring {
		t.Fatalf("it does not wait: %+v", d)
	}
	return s, now
}

func TestASummaryOfAnotherImportTellsNothing(t *testing.T) {
	s, now := held(t)
	if done := s.Summarized(now, "import/2", nil); len(done) != 0 || s.Alerts[0].Held == "" {
		t.Errorf("%+v", s.Alerts)
	}
	if done := s.Release(now, "import/2"); len(done) != 0 {
		t.Errorf("%+v", done)
	}
}

func TestASummaryCountsAsTheFirstStepOnce(t *testing.T) {
	s, now := held(t)
	later := now.Add(5 * time.Minute)
	if done := s.Summarized(later, "import/1", []string{"slack"}); len(done) != 1 {
		t.Fatalf("%+v", done)
	}
	a := s.Alerts[0]
	if a.Told != 1 || a.Step != 1 || a.Held != "" || len(a.Used) != 1 || !a.LapAt.Equal(later) || !a.NextAt.Equal(later.Add(6*time.Hour)) {
		t.Errorf("%+v", a)
	}
	if done := s.Summarized(later, "import/1", nil); len(done) != 0 {
		t.Error("it is counted twice")
	}
	if d := Next(later, s); d.Step.Kind == StepTell {
		t.Errorf("it is told again: %s", d.Reason)
	}
}

func TestASummaryThatReachedNobodyLetsEachTellItself(t *testing.T) {
	s, now := held(t)
	s.Release(now.Add(time.Minute), "import/1")
	s.Observed(now.Add(time.Minute), s.Sight.Observations)
	if d := Next(now.Add(time.Minute), s); d.Step.Kind != StepTell || d.Reason != SummaryMissed || d.Step.Alert.Held != "" {
		t.Errorf("%+v", d)
	}
}

func TestAGraverThresholdDoesNotWaitForTheSummary(t *testing.T) {
	s, now := held(t)
	s.Import.Until = now.Add(10 * day)
	s.Alerts[0].NextAt = s.Import.Until
	crossed := epoch.Add(87 * day)
	s.Observed(crossed, s.Sight.Observations)
	if d := Next(crossed, s); d.Step.Kind != StepTell || d.Step.Alert.Severity != alert.P1 || d.Step.Alert.Held != "" {
		t.Errorf("%+v", d)
	}
}

func TestNothingIsReportedWhereNobodyWaitsForIt(t *testing.T) {
	s, now := imported(80 * day)
	s.Import.Awaited = false
	if d := Next(now, s); d.Step.Kind != StepWait {
		t.Errorf("%s although nothing stands", d.Step.Kind)
	}
	s, now = imported(6 * day)
	s.Import.Awaited = false
	if d := Next(now, s); d.Step.Kind != StepReport {
		t.Errorf("%s although something stands", d.Step.Kind)
	}
	if d := Next(now.Add(2*time.Hour), s); d.Step.Kind == StepReport {
		t.Error("it reports to an import that is long over")
	}
}

func TestALostReportIsMadeAgain(t *testing.T) {
	s, now := imported(6 * day)
	s.Apply(Next(now, s), now)
	before := *s.Alert(s.Alerts[0].ID)
	s.Recover(now)
	d := Next(now, s)
	if d.Step.Kind != StepReport || d.Step.Standing == nil || !d.Step.Standing.Held {
		t.Fatalf("%+v", d)
	}
	s.Apply(d, now)
	if len(s.Alerts) != 1 || s.Alerts[0].Told != before.Told || !s.Alerts[0].NextAt.Equal(before.NextAt) {
		t.Errorf("%+v", s.Alerts)
	}
}
