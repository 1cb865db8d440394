package lifecycle

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// choosing is a certificate whose first attempt runs, with other CAs to try.
func choosing(more ...string) (State, time.Time, Run) {
	s, now, r := due()
	s.Spec.FallbackCAs = more
	return s, now, r
}

// failing lands a run, and gives the next one that the rules start, and when.
func failing(t *testing.T, s *State, now time.Time, r Run, o Outcome) (time.Time, Run) {
	t.Helper()
	s.Ended(now, r, o)
	for {
		s.Sight.At, s.Sight.SeenAt = now, now
		d := Next(now, *s)
		s.Apply(d, now)
		switch d.Step.Kind {
		case StepRun:
			return now, *d.Step.Run
		case StepWait:
			if d.Due.Sub(now) > 40*day {
				t.Fatal("nothing more is tried")
			}
			now = latest(d.Due, now.Add(time.Second))
		case StepTell:
			s.Told(now, Told{Alert: d.Step.Alert.ID, Receipts: (&forecast{now: now}).receipts(d.Step.Roles, *d.Step.Alert)})
		case StepEdit:
			s.Edited(d.Step.Alert.ID)
		case StepLook:
			s.Land(FlyLook, "")
		}
	}
}

var disowned = Outcome{Kind: ConfigurationRefused, Cause: "the CA does not know the account", Elsewhere: true}

func TestAfterSomeFailuresInARowTheNextCAIsTriedAtOnce(t *testing.T) {
	s, now, r := choosing("second")
	if r.CA != "main-ca" || r.Moved != nil {
		t.Fatalf("the first attempt is %+v", r)
	}
	for i := range 3 {
		if r.CA != "main-ca" {
			t.Fatalf("attempt %d is at %s", i+1, r.CA)
		}
		before := now
		now, r = failing(t, &s, now, r, disowned)
		if gap := now.Sub(before); i == 2 && gap > time.Minute || i < 2 && gap < time.Hour {
			t.Errorf("attempt %d came after %s", i+2, gap)
		}
	}
	m := r.Moved
	if r.CA != "second" || m == nil || m.From != "main-ca" || m.Failed != 3 || m.Why != NextCAAfterFailures || m.Cause != disowned.Cause {
		t.Fatalf("then came %+v, moved %+v", r, m)
	}
	i := slices.IndexFunc(Grounds(now, s), func(g Ground) bool { return g.Code == BecauseNextCA })
	if i < 0 || Grounds(now, s)[i].Note != "second" || Grounds(now, s)[i].Where != "main-ca" {
		t.Errorf("nothing says so: %+v", Grounds(now, s))
	}
	v := versionNo(2, now, 90*day)
	v.CA = "second"
	s.Ended(now, r, Outcome{Kind: Proven, Version: v, Observations: seeing(s, v), ObservedAt: now})
	if s.ca() != "main-ca" || s.Renewal.Moved != nil {
		t.Errorf("the next renewal begins at %s", s.ca())
	}
}

func TestWhatNoOtherCACouldCureIsTriedAtTheSameCA(t *testing.T) {
	s, now, r := choosing("second")
	for _, elsewhere := range []bool{true, true, false, true, true} { // never three in a row
		now, r = failing(t, &s, now, r, Outcome{Kind: ValidationFailed, Cause: "no", Elsewhere: elsewhere})
		if r.CA != "main-ca" {
			t.Fatalf("%s was tried", r.CA)
		}
	}
}

func TestEveryCAHasItsTriesWhateverTheBudget(t *testing.T) {
	s, now, r := choosing("second", "third")
	s.Spec.Policy.MaxAttempts = 1
	var at []string
	for {
		at = append(at, r.CA)
		if s.counted()+1 >= s.Spec.MaxAttempts() {
			break
		}
		now, r = failing(t, &s, now, r, disowned)
	}
	s.Ended(now, r, disowned)
	if want := []string{"main-ca", "main-ca", "main-ca", "second", "second", "second", "third"}; !slices.Equal(at, want) || !s.spent() {
		t.Errorf("tried at %v, spent %v", at, s.spent())
	}
	s.Resume()
	if s.ca() != "main-ca" {
		t.Errorf("resumed at %s", s.ca())
	}
}

func TestAnOutageMovesOnAfterTheSameTriesAndThenTakesTurnsAtThePaceOfRetries(t *testing.T) {
	s, now, r := choosing("second")
	down := Outcome{Kind: CAUnavailable, Cause: "503", Elsewhere: true, Watched: true}
	began, runs := now, 0
	var leaves []string
	for now.Sub(began) < 4*day {
		now, r = failing(t, &s, now, r, down)
		if runs++; r.Moved != nil {
			leaves = append(leaves, r.Leaves+" to "+r.CA)
			if r.Canary {
				t.Error("it is the canary of a CA that it left")
			}
		}
	}
	if runs > 40 || len(leaves) < 3 || leaves[0] != "main-ca to second" || leaves[1] != "second to main-ca" {
		t.Errorf("%d runs within 4 days, moves %v", runs, leaves)
	}
	if s.counted() != 0 {
		t.Errorf("%d attempts were charged", s.counted())
	}
}

func TestACAThatNamesADateBeyondTheLastSafeMomentIsNotWaitedFor(t *testing.T) {
	for name, o := range map[string]Outcome{
		"its date":  {Kind: CAUnavailable, Cause: "429", Elsewhere: true},
		"no room":   {Kind: Waiting, Cause: "50 within 7d"},
		"our fault": {Kind: CAUnavailable, Cause: "the DNS provider is down"},
	} {
		s, now, r := choosing("second")
		o.RetryAt = r.SafeBy.Add(day)
		at, r := failing(t, &s, now, r, o)
		if name == "our fault" {
			if r.CA != "main-ca" || at.Before(o.RetryAt) {
				t.Errorf("%s: %s at %s", name, r.CA, at)
			}
			continue
		}
		if r.CA != "second" || at.Sub(now) > time.Minute || r.Moved.Why != NextCAToBeSafe {
			t.Errorf("%s: %s at %s, %+v", name, r.CA, at, r.Moved)
		}
		// Where the other one has none either, they are not asked in a circle.
		if again, r := failing(t, &s, at, r, o); again.Sub(at) < time.Minute {
			t.Errorf("%s: %s is asked %s later", name, r.CA, again.Sub(at))
		}
		if o.Kind == CAUnavailable && s.notBefore("main-ca").Before(o.RetryAt) {
			t.Errorf("%s: the CA's word is forgotten", name)
		}
	}
}

func TestADateWithinTheTimeThatIsLeftIsWaitedFor(t *testing.T) {
	s, now, r := choosing("second")
	o := Outcome{Kind: CAUnavailable, Cause: "429", Elsewhere: true, RetryAt: now.Add(5 * day)}
	if at, r := failing(t, &s, now, r, o); r.CA != "main-ca" || at.Before(o.RetryAt) {
		t.Errorf("%s is asked at %s", r.CA, at)
	}
}

func TestAnUnsettledOrderIsAskedForAgainAndCostsNothing(t *testing.T) {
	s, now, r := choosing("second")
	for range 3 {
		now, r = failing(t, &s, now, r, Outcome{Kind: CAUnavailable, Cause: "lost", Elsewhere: true})
	}
	date := now.Add(3 * time.Hour)
	at, r := failing(t, &s, now, r, Outcome{Kind: Unsettled, CA: "main-ca", Cause: "who knows", RetryAt: date})
	if r.CA != "second" || r.Moved != nil || at.Before(date) || s.counted() != 0 {
		t.Errorf("%s at %s, %d attempts, moved %+v", r.CA, at, s.counted(), r.Moved)
	}
	s.Land(FlyRenewal, "")
	s.Renew = &Order{By: "minji"}
	s.hear("main-ca", at.Add(time.Hour))
	if d := Next(at, s); d.Step.Kind == StepRun {
		t.Error("a human's word goes before the CA's date")
	}
	if !slices.ContainsFunc(Moves(at, s), func(m Move) bool { return m.Code == MoveAnyway && m.Note == "main-ca" }) && s.CheckRenew(at) == nil {
		t.Error("nobody is told what to type")
	}
	if s.open(alert.CAUnavailable) == nil {
		t.Error("nobody was told")
	}
}

func TestWhichCAsAreTried(t *testing.T) {
	policy := Policy{FallbackCAs: []string{"b", "a"}}
	for name, c := range map[string]struct {
		spec Spec
		want []string
	}{
		"its own":          {Spec{Managed: true, CA: "a", FallbackCAs: []string{"c"}, Policy: policy}, []string{"a", "c"}},
		"the policy's":     {Spec{Managed: true, CA: "a", Policy: policy}, []string{"a", "b"}},
		"no other":         {Spec{Managed: true, CA: "a", FallbackCAs: []string{NoFallback}, Policy: policy}, []string{"a"}},
		"ordered by hand":  {Spec{Managed: true, Supplied: true, CA: "a", Policy: policy}, []string{"a"}},
		"only watched":     {Spec{Policy: policy}, []string{""}},
		"nobody names any": {Spec{Managed: true, CA: "a"}, []string{"a"}},
	} {
		if got := c.spec.CAs(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestAStateThatMovedSurvivesTheNextRun(t *testing.T) {
	s, now, r := choosing("second")
	for range 3 {
		now, r = failing(t, &s, now, r, Outcome{Kind: CAUnavailable, Cause: "429", Elsewhere: true, RetryAt: now.Add(time.Hour)})
	}
	s.Ended(now, r, Outcome{Kind: CAUnavailable, Cause: "429", Elsewhere: true, RetryAt: now.Add(day)})
	var back State
	text, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	again, _ := json.Marshal(back)
	if err != nil || string(text) != string(again) || len(back.Renewal.Words) != 1 || back.ca() != "second" {
		t.Errorf("%v\n%s", err, text)
	}
	spec := s.Spec
	spec.FallbackCAs = nil
	if s.SetSpec(spec); s.ca() != "main-ca" || len(s.Renewal.Attempts) != 0 {
		t.Errorf("after the list was changed: %+v", s.Renewal)
	}
}

func TestAPolicyWithImpossibleFallbacksIsRefused(t *testing.T) {
	for _, c := range []struct {
		after int
		cas   []string
	}{{-1, nil}, {11, nil}, {0, []string{"a", "a"}}, {0, []string{"a", "b", "c", "d", "e", "f"}}} {
		p := Default()
		p.FallbackAfter, p.FallbackCAs = c.after, c.cas
		if p.Validate() == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
