package lifecycle

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

func TestNothingWaitsForTheEndOfQuietHoursPastAThresholdOrTheLastSafeMoment(t *testing.T) {
	d := rand.New(rand.NewPCG(5, 25))
	waits := 0
	for range 3000 {
		lifetime := pick(d, 90*day, 47*day, 6*day)
		s := State{Spec: Spec{Policy: Default(), Managed: d.IntN(2) == 0}, Live: cert.Version{Fingerprint: "aa", NotBefore: epoch, NotAfter: epoch.Add(lifetime)}}
		now := epoch.Add(time.Duration(d.Int64N(int64(lifetime + lifetime/10))))
		severity := pick(d, alert.P1, alert.P2, alert.P3, alert.P4)
		reach := pick(d, alert.Quiet, alert.Direct, alert.Wide, alert.PageAll)
		v := look(now, &s)
		at := v.mayWait(severity, reach, alert.Expiring)
		if at.IsZero() {
			if next := v.plan.next(now); severity != alert.P1 && reach != alert.PageAll && now.Before(v.plan.LastSafe) && !next.IsZero() {
				t.Fatalf("%s by %s at %s may not wait", severity, reach, now)
			}
			continue
		}
		waits++
		switch {
		case severity == alert.P1 || reach == alert.PageAll:
			t.Fatalf("%s by %s may wait", severity, reach)
		case !at.After(now) || at.After(v.plan.next(now)) || at.After(v.plan.LastSafe) || at.Sub(now) > people.MaxQuiet:
			t.Fatalf("%s at %s may wait until %s", severity, now, at)
		}
	}
	if waits == 0 {
		t.Error("nothing may wait")
	}
}

func TestWhoSleptIsToldOnceMoreWhereverTheEscalationIs(t *testing.T) {
	now := epoch.Add(50 * day)
	hushed := func(to string, role people.Role, in time.Duration) Hushed { return Hushed{to, role, now.Add(in)} }
	fresh := func() State {
		return State{
			Spec: Spec{Policy: Default()}, EnrolledAt: epoch, Live: cert.Version{Fingerprint: "aa", NotBefore: epoch, NotAfter: epoch.Add(90 * day)}, Sight: Sight{At: now, SeenAt: now},
			Alerts:  []Alert{{ID: "a", Reason: alert.RenewalFailing, Version: "aa", Severity: alert.P3, Plan: "P3", Level: -1, Status: Firing, FiredAt: now, Round: 1, Step: 1, Told: 1, NextAt: now.Add(20 * time.Hour), LapAt: now}},
			Flights: []Flight{{Kind: FlyTell, ID: "a", At: now}},
		}
	}
	s := fresh()
	s.Told(now, Told{Alert: "a", Reach: alert.Direct, Hushed: []Hushed{hushed("minji", people.Owner, 9*time.Hour), hushed("jun", people.TeamAll, 8*time.Hour)}})
	a := s.Alert("a")
	if a.Unreached || a.Rouse == nil || !a.Rouse.At.Equal(now.Add(8*time.Hour)) || len(a.Rouse.To) != 2 || !a.NextAt.Equal(now.Add(20*time.Hour)) {
		t.Fatalf("%+v", a)
	}
	found := false
	for _, e := range Upcoming(now, s) {
		found = found || e.Reason == UntilQuietHoursEnd && e.At.Equal(now.Add(8*time.Hour))
	}
	if !found {
		t.Errorf("%v", Upcoming(now, s))
	}
	morning := now.Add(8 * time.Hour)
	s.Sight.At, s.Sight.SeenAt = morning, morning
	again := look(morning, &s).followUp(*s.Alert("a"), func(a Alert, _ time.Time, why Reason) *Decision { return look(morning, &s).tell(a, why) })
	if again == nil || again.Reason != QuietHoursOver || len(again.Step.Again) != 2 || again.Step.Alert.Rouse != nil || again.Step.Alert.Step != 1 || !again.Step.Alert.NextAt.Equal(now.Add(20*time.Hour)) || again.Step.Alert.Told != 2 {
		t.Fatalf("%+v", again)
	}
	for name, answer := range map[string]func(*State){
		"acknowledged": func(s *State) { s.Acknowledge(now, Answered{By: "jun"}) },
		"snoozed":      func(s *State) { s.Snooze(now, Answered{By: "jun", Until: now.Add(30 * time.Hour)}) },
	} {
		s := fresh()
		s.Told(now, Told{Alert: "a", Reach: alert.Direct, Hushed: []Hushed{hushed("minji", people.Owner, 8*time.Hour)}})
		answer(&s)
		if a := s.Alert("a"); a.Rouse != nil {
			t.Errorf("%s: %+v", name, a.Rouse)
		}
		s = fresh()
		answer(&s)
		s.Told(now, Told{Alert: "a", Reach: alert.Direct, Hushed: []Hushed{hushed("minji", people.Owner, 8*time.Hour)}})
		if a := s.Alert("a"); a.Rouse != nil {
			t.Errorf("%s before the notice landed: %+v", name, a.Rouse)
		}
	}
}
