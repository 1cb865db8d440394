package lifecycle

import (
	"testing"
	"time"
)

// due is a managed certificate whose renewal is due, and its run.
func due() (s State, now time.Time, r Run) {
	w := newWorld(Spec{Managed: true, Policy: Default()}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 90*day)
	w.begin(w.issued, true)
	w.mute = true
	w.play(w.issued.Add(59 * day))
	now = w.issued.Add(60 * day)
	s = w.s
	s.Sight.At, s.Sight.SeenAt = now, now
	d := Next(now, s)
	s.Apply(d, now)
	return s, now, *d.Step.Run
}

func TestWaitingForRoomCostsNoAttemptAndIsWoken(t *testing.T) {
	s, now, r := due()
	if want := s.Live.NotAfter.Add(-9 * day); r.SafeBy.Sub(want).Abs() > time.Minute || r.Canary || r.InWindow {
		t.Errorf("the run is %+v, safe until %s", r, want)
	}
	at := now.Add(3 * day)
	s.Ended(now, r, Outcome{Kind: Waiting, RetryAt: at, Cause: "CA main-ca: 50 within 7d"})
	s.Sight.At, s.Sight.SeenAt = now, now
	if n := len(s.Renewal.Attempts); n != 0 || s.counted() != 0 {
		t.Errorf("%d attempts", n)
	}
	if d := Next(now, s); d.Step.Kind != StepWait || d.Next.Reason != UntilCARoom || d.Next.At.Before(at) {
		t.Errorf("next is %s %s at %s", d.Step.Kind, d.Next.Reason, d.Next.At)
	}
	standsIn(t, s, now, StateWaiting)
	if err := s.CheckRenew(now); err != nil {
		t.Errorf("a human cannot ask: %v", err)
	}
	soon := now.Add(time.Hour)
	if s.Ready(soon, "other-ca", soon) {
		t.Error("the word of another CA counts")
	}
	if !s.Ready(soon, "main-ca", soon.Add(5*time.Second)) {
		t.Fatal("the word of the CA does not count")
	}
	s.Sight.At, s.Sight.SeenAt = soon, soon
	if d := Next(soon, s); d.Step.Kind != StepWait {
		t.Errorf("before its instant: %s %s", d.Step.Kind, d.Reason)
	}
	d := Next(soon.Add(5*time.Second), s)
	if d.Step.Kind != StepRun || d.Reason != WaitOver || d.Step.Run.Attempt != 1 {
		t.Errorf("once woken: %s %s %+v", d.Step.Kind, d.Reason, d.Step.Run)
	}
	if s.Ready(soon, "main-ca", soon); len(s.Renewal.Attempts) != 0 {
		t.Error("being woken twice costs something")
	}
}

func TestOneThatIsNeverWokenAsksAgainByItself(t *testing.T) {
	s, now, r := due()
	s.Ended(now, r, Outcome{Kind: Waiting, RetryAt: now.Add(time.Hour), Cause: "no room"})
	first := s.Renewal.Awaits.Since
	later := now.Add(2 * time.Hour)
	s.Sight.At, s.Sight.SeenAt = later, later
	d := Next(later, s)
	if d.Step.Kind != StepRun || d.Reason != WaitOver {
		t.Fatalf("%s %s", d.Step.Kind, d.Reason)
	}
	s.Apply(d, later)
	s.Ended(later, *d.Step.Run, Outcome{Kind: Waiting, RetryAt: later.Add(time.Hour), Cause: "no room"})
	if !s.Renewal.Awaits.Since.Equal(first) || !s.Renewal.NotBefore.IsZero() {
		t.Errorf("it waits since %s, not before %s", s.Renewal.Awaits.Since, s.Renewal.NotBefore)
	}
	s.Ended(later, *d.Step.Run, Outcome{Kind: ValidationFailed, Cause: "dns"})
	if s.Renewal.Awaits != nil || s.counted() != 1 {
		t.Errorf("after another failure it awaits %+v, %d counted", s.Renewal.Awaits, s.counted())
	}
}

func TestAnOutageIsToldByTheCAsAccountUntilTheLastSafeMoment(t *testing.T) {
	s, now, r := due()
	s.Ended(now, r, Outcome{Kind: CAUnavailable, Watched: true, Cause: "connection refused"})
	s.Sight.At, s.Sight.SeenAt = now, now
	d := Next(now, s)
	if d.Step.Kind != StepWait || s.counted() != 0 {
		t.Fatalf("%s %s, %d counted", d.Step.Kind, d.Reason, s.counted())
	}
	if at := s.Renewal.RetryAt.Sub(now); at < 5*time.Hour {
		t.Errorf("without a word it tries again in %s", at)
	}
	if !s.Ready(now.Add(time.Minute), "main-ca", now.Add(time.Minute)) {
		t.Fatal("it is not woken")
	}
	soon := now.Add(time.Minute)
	s.Sight.At = soon
	if d = Next(soon, s); d.Step.Kind != StepRun || d.Reason != WaitOver || !d.Step.Run.Canary {
		t.Errorf("once woken: %s %s %+v", d.Step.Kind, d.Reason, d.Step.Run)
	}
	late := r.SafeBy.Add(time.Minute)
	s.Sight.At, s.Sight.SeenAt = late, late
	s.Alerts = nil
	v := look(late, &s)
	if c := v.caUnavailable(); c == nil {
		t.Error("its own people are not told at the last safe moment")
	}
	s, now, r = due()
	s.Ended(now, r, Outcome{Kind: CAUnavailable, Watched: false, Cause: "connection refused"})
	s.Sight.At = now
	if d := Next(now, s); d.Step.Kind != StepTell || d.Step.Alert.Reason != "ca-unavailable" {
		t.Errorf("where no account watches, its people are told: %s %s", d.Step.Kind, d.Reason)
	}
}
