package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

func utc(text string) time.Time {
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return at
}

func TestAFreezeHoldsFromItsFirstInstantUntilItsEndInItsZone(t *testing.T) {
	for _, tc := range []struct {
		from, until Day
		zone        string
		in, out     []string // UTC
	}{
		{"2026-12-20", "2027-01-03", "UTC", []string{"2026-12-20 00:00", "2027-01-03 23:59"}, []string{"2026-12-19 23:59", "2027-01-04 00:00", "2027-12-25 00:00"}},
		{"2026-12-20 18:00", "2026-12-21 06:00", "Asia/Seoul", []string{"2026-12-20 09:00", "2026-12-20 20:59"}, []string{"2026-12-20 08:59", "2026-12-20 21:00"}},
		{"12-20", "01-05", "UTC", []string{"2026-12-31 00:00", "2027-01-05 12:00", "2030-12-20 00:00"}, []string{"2026-12-19 23:00", "2027-01-06 00:00"}},
		{"06-01", "06-07 12:00", "UTC", []string{"2028-06-07 11:59"}, []string{"2028-06-07 12:00", "2028-05-31 23:59"}},
		{"sat", "sun", "UTC", []string{"2026-11-28 00:00", "2026-11-29 23:59"}, []string{"2026-11-27 23:59", "2026-11-30 00:00"}},
		{"fri 17:00", "mon 09:00", "Europe/Berlin", []string{"2026-03-27 16:00", "2026-03-30 06:59"}, []string{"2026-03-27 15:59", "2026-03-30 07:00"}}, // the clocks go forward in between
		{"mon 09:00", "mon 17:00", "UTC", []string{"2026-11-30 09:00"}, []string{"2026-11-30 17:00", "2026-12-01 10:00"}},
	} {
		p := Policy{Freezes: []Freeze{{Name: "f", From: tc.from, Until: tc.until, TimeZone: tc.zone}}}
		for _, at := range tc.in {
			if f, ok := p.frozen(utc(at), 0, DoIssue); !ok || f.From.After(utc(at)) || !f.Until.After(utc(at)) {
				t.Errorf("%s..%s %s: not frozen at %s: %+v", tc.from, tc.until, tc.zone, at, f)
			}
		}
		for _, at := range tc.out {
			if f, ok := p.frozen(utc(at), 0, DoIssue); ok {
				t.Errorf("%s..%s %s: frozen at %s: %+v", tc.from, tc.until, tc.zone, at, f)
			}
		}
	}
}

func TestFreezesInARowAreOneAndEachStopsWhatItSays(t *testing.T) {
	p := Policy{Freezes: []Freeze{
		{Name: "year's end", From: "12-20", Until: "01-03", TimeZone: "UTC"},
		{Name: "audit", From: "2027-01-04", Until: "2027-01-08 12:00", TimeZone: "UTC", Stops: []Deed{DoDeploy}},
	}}
	if f, _ := p.frozen(utc("2026-12-25 00:00"), 0, DoDeploy); f.Name() != "year's end, audit" || !f.Until.Equal(utc("2027-01-08 12:00")) {
		t.Errorf("%+v", f)
	}
	if f, _ := p.frozen(utc("2026-12-25 00:00"), 0, DoIssue); f.Name() != "year's end" || !f.Until.Equal(utc("2027-01-04 00:00")) {
		t.Errorf("%+v", f)
	}
	if _, ok := p.frozen(utc("2027-01-05 00:00"), 0, DoIssue); ok {
		t.Error("a freeze of deployments stops issuing")
	}
}

func TestFreezesThatCanNeverBeSatisfiedAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		freezes []Freeze
		want    string
	}{
		"every day of the week":   {[]Freeze{{Name: "all", From: "mon", Until: "sun", TimeZone: "UTC"}}, `freezes: "all" leave no time at all, for ever`},
		"two that meet":           {[]Freeze{{Name: "a", From: "mon", Until: "thu", TimeZone: "UTC"}, {Name: "b", From: "fri", Until: "sun", TimeZone: "UTC"}}, `for ever: there is never a gap of 2h`},
		"an hour a week is left":  {[]Freeze{{Name: "a", From: "mon 01:00", Until: "sun", TimeZone: "UTC"}}, "no time at all"},
		"the whole year":          {[]Freeze{{Name: "year", From: "01-01", Until: "12-31", TimeZone: "UTC"}}, "no time at all"},
		"all but a short weekend": {[]Freeze{{Name: "long", From: "2027-01-01", Until: "2028-02-15", TimeZone: "UTC"}}, "would reach its last safe moment"},
		"no zone":                 {[]Freeze{{Name: "a", From: "sat", Until: "sun"}}, `freezes[0].timezone: "" is not an IANA time zone`},
		"no day":                  {[]Freeze{{Name: "a", From: "someday", Until: "sun", TimeZone: "UTC"}}, `freezes[0].from: "someday" is no day`},
		"no time":                 {[]Freeze{{Name: "a", From: "sat 25:00", Until: "sun", TimeZone: "UTC"}}, `"25:00" is no time of day`},
		"mixed":                   {[]Freeze{{Name: "a", From: "12-20", Until: "2027-01-03", TimeZone: "UTC"}}, "freezes[0].until"},
		"backwards":               {[]Freeze{{Name: "a", From: "2027-01-03", Until: "2026-12-20", TimeZone: "UTC"}}, "is not after from"},
		"stops nothing known":     {[]Freeze{{Name: "a", From: "sat", Until: "sun", TimeZone: "UTC", Stops: []Deed{"coffee"}}}, `freezes[0].stops: "coffee"`},
		"twice":                   {[]Freeze{{Name: "a", From: "sat", Until: "sun", TimeZone: "UTC"}, {Name: "a", From: "sat", Until: "sun", TimeZone: "UTC"}}, "freezes[1].name"},
	} {
		p := Default()
		p.Freezes = tc.freezes
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
	p := Default()
	p.Freezes = []Freeze{{Name: "year's end", From: "12-15", Until: "01-05", TimeZone: "Asia/Seoul"}, {Name: "weekend", From: "fri 18:00", Until: "mon 08:00", TimeZone: "Asia/Seoul"}}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	if why := p.Unsatisfiable(90 * day); why != "" {
		t.Errorf("90 days: %s", why)
	}
	if why := p.Unsatisfiable(6 * day); !strings.Contains(why, "year's end") {
		t.Errorf("6 days: %q", why)
	}
}

func written(at time.Time) Day { return Day(at.UTC().Format("2006-01-02 15:04")) }

// frozenWorld plays a managed certificate of 90 days that was issued at epoch, under
// freezes given in days of its life.
func frozenWorld(yields bool, freezes ...[2]int) *world {
	p := Default()
	p.Yields = &yields
	for i, f := range freezes {
		p.Freezes = append(p.Freezes, Freeze{Name: fmt.Sprintf("freeze-%d", i+1), TimeZone: "UTC",
			From: written(epoch.Add(time.Duration(f[0]) * day)), Until: written(epoch.Add(time.Duration(f[1]) * day))})
	}
	w := newWorld(Spec{Managed: true, Policy: p}, epoch, 90*day)
	w.begin(epoch, true)
	return w
}

func runsOf(w *world) *[]Decision {
	var out []Decision
	before := w.decided
	w.decided = func(d Decision) {
		if before != nil {
			before(d)
		}
		if d.Step.Kind == StepRun {
			d.Due = w.now
			out = append(out, d)
		}
	}
	return &out
}

func dayOf(at time.Time) float64 { return at.Sub(epoch).Hours() / 24 }

func TestARenewalThatWouldFallInAFreezeBeginsBeforeIt(t *testing.T) {
	w := frozenWorld(true, [2]int{55, 75})
	runs := runsOf(w)
	w.play(epoch.Add(100 * day))
	if len(*runs) != 1 || dayOf((*runs)[0].Due) != 54 || (*runs)[0].Reason != RenewalDue || len(w.told) > 0 {
		t.Errorf("runs %+v, told %v", *runs, w.told)
	}
}

func TestARenewalThatIsLateWaitsForTheEndOfTheFreeze(t *testing.T) {
	w := frozenWorld(true, [2]int{55, 75})
	runs := runsOf(w)
	w.outage = epoch.Add(58 * day) // our own system was down when it would have begun
	w.play(epoch.Add(76 * day))
	if len(*runs) != 1 || dayOf((*runs)[0].Due) != 75 || (*runs)[0].Reason != RenewalDue || w.s.Thawed != nil {
		t.Errorf("runs %+v", *runs)
	}
	if f := FrozenUntil(epoch.Add(60*day), w.s); f == nil || dayOf(f.Until) != 75 {
		t.Errorf("%+v", f)
	}
}

func TestAFreezeYieldsAtTheLastSafeMomentAndPeopleHearOfItBefore(t *testing.T) {
	w := frozenWorld(true, [2]int{55, 95})
	runs := runsOf(w)
	w.outage = epoch.Add(58 * day)
	w.play(epoch.Add(60*day + time.Hour))
	a := w.s.open(alert.Frozen)
	if a == nil || a.Severity != alert.P3 || a.Told == 0 || len(*runs) != 0 {
		t.Fatalf("%+v, runs %v", w.s.Alerts, *runs)
	}
	w.play(epoch.Add(97 * day))
	if len(*runs) != 1 || (*runs)[0].Reason != FreezeYields || (*runs)[0].Due.After(versionNo(1, epoch, 90*day).NotAfter.Add(-9*day+time.Second)) {
		t.Fatalf("runs %+v", *runs)
	}
	th := w.s.Thawed
	if th == nil || !th.Policy || th.By != "policy default" || th.Name() != "freeze-1" || th.At != (*runs)[0].Due {
		t.Errorf("the override is not on record: %+v", th)
	}
	if a := w.s.Alert(a.ID); a.Open() || !strings.Contains(a.Evidence, "overridden by policy default") {
		t.Errorf("%+v", a)
	}
	if w.s.Live.Serial != "2" {
		t.Error("it was not renewed")
	}
}

func TestAFreezeThatYieldedIsToldEvenIfNobodyCouldHearOfItBefore(t *testing.T) {
	w := frozenWorld(true, [2]int{55, 95})
	w.outage = epoch.Add(85 * day) // past the last safe moment
	w.play(epoch.Add(86 * day))
	if w.s.Live.Serial != "2" || !slices.ContainsFunc(w.told, func(n noticed) bool { return n.reason == alert.Frozen }) {
		t.Errorf("live %s, told %v", w.s.Live.Serial, w.told)
	}
}

func TestAFreezeThatDoesNotYieldIsToldLouderAndOverriddenByHand(t *testing.T) {
	w := frozenWorld(false, [2]int{55, 95})
	runs := runsOf(w)
	w.outage = epoch.Add(58 * day)
	w.play(epoch.Add(85 * day))
	if len(*runs) != 0 || w.s.open(alert.Expiring) == nil || w.s.open(alert.Frozen).Severity != alert.P2 {
		t.Fatalf("runs %v, alerts %+v", *runs, w.s.Alerts)
	}
	o := Order{By: "minji", At: w.now}
	if err := w.s.CheckRenewal(w.now, o); err == nil || !strings.Contains(err.Error(), "freeze freeze-1 of policy") || !strings.Contains(err.Error(), "neverlapse renew shop --override-freeze") {
		t.Errorf("%v", err)
	}
	if o.Override = true; w.s.CheckRenewal(w.now, o) == nil {
		t.Error("a freeze is overridden without a reason")
	}
	if o.Note = "it would lapse"; w.s.CheckRenewal(w.now, o) != nil {
		t.Error("a reason is not enough")
	}
	w.s.OverrideFreeze(w.now, o)
	w.s.Renew = &o
	w.play(epoch.Add(86 * day))
	if th := w.s.Thawed; len(*runs) != 1 || w.s.Live.Serial != "2" || th.By != "minji" || th.Note != "it would lapse" || th.Policy {
		t.Errorf("runs %v, %+v", *runs, th)
	}
	if err := w.s.CheckDeploy(epoch.Add(96*day), Order{Override: true, Note: "x"}); err == nil || !strings.Contains(err.Error(), "nothing to override") {
		t.Errorf("%v", err)
	}
}

func TestWhileOnlyDeployingIsFrozenACandidateIsIssuedAndDeployedAfterwards(t *testing.T) {
	w := frozenWorld(true, [2]int{55, 75})
	w.s.Spec.Policy.Freezes[0].Stops = []Deed{DoDeploy}
	runs := runsOf(w)
	w.outage = epoch.Add(58 * day)
	w.play(epoch.Add(70 * day))
	if len(*runs) != 1 || !(*runs)[0].Step.Run.Hold || w.s.Renewal.Candidate.Serial != "2" || w.s.Live.Serial != "1" {
		t.Fatalf("runs %+v, candidate %+v", *runs, w.s.Renewal.Candidate)
	}
	w.play(epoch.Add(76 * day))
	if len(*runs) != 2 || dayOf((*runs)[1].Due) != 75 || w.s.Live.Serial != "2" || w.made != 2 {
		t.Errorf("runs %+v, made %d", *runs, w.made)
	}
}

// freezesOf rolls freezes that a policy is allowed to have.
func freezesOf(d dice, p Policy) Policy {
	days := []Day{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	for range 200 {
		q := p
		q.Freezes = nil
		for i := range 1 + d.IntN(3) {
			f := Freeze{Name: fmt.Sprint("f", i), TimeZone: pick(d, "UTC", "Asia/Seoul", "America/New_York")}
			at := epoch.Add(time.Duration(d.IntN(200*24)) * time.Hour)
			end := at.Add(time.Duration(1+d.IntN(60*24)) * time.Hour)
			switch d.IntN(3) {
			case 0:
				f.From, f.Until = written(at), written(end)
			case 1:
				f.From, f.Until = Day(at.Format("01-02")), Day(end.Format("01-02"))
			case 2:
				f.From, f.Until = pick(d, days...), pick(d, days...)
			}
			f.Stops = pick(d, nil, []Deed{DoDeploy}, []Deed{DoIssue})
			q.Freezes = append(q.Freezes, f)
		}
		if q.Validate() == nil {
			return q
		}
	}
	return p
}

func TestNoFreezeLetsACertificateLapseAndWhatBeginsInOneIsOnRecord(t *testing.T) {
	inFreeze := 0
	for seed := range max(40, histories/30) {
		d := rand.New(rand.NewPCG(seed, 7))
		w := newWorld(Spec{Managed: true, Policy: freezesOf(d, Default())}, epoch, pick(d, 90*day, 6*day, 47*day))
		w.mute = true
		w.begin(epoch.Add(w.lifetime*time.Duration(d.IntN(80))/100), true)
		g := guarded(w)
		told := 0
		decided := w.decided
		w.decided = func(dec Decision) {
			decided(dec)
			if w.s.Live.Fingerprint != "" && !w.now.Before(w.s.Live.NotAfter) {
				g.failf("it lapsed; freezes %+v", w.s.Spec.Policy.Freezes)
			}
			if dec.Step.Kind == StepTell && dec.Step.Alert.Reason == alert.Frozen {
				told++
			}
			if dec.Step.Kind == StepRun && dec.Step.Run.Yields != nil {
				inFreeze++
				if w.now.Before(look(w.now, &w.s).plan.LastSafe) {
					g.failf("a freeze yields before the last safe moment")
				}
			}
		}
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("seed %d: %v", seed, r)
				}
			}()
			w.play(epoch.Add(3 * w.lifetime))
		}()
		if w.s.Thawed != nil && (!w.s.Thawed.Told || told == 0) {
			t.Errorf("seed %d: freeze %s yielded and nobody was told", seed, w.s.Thawed.Name())
		}
	}
	if inFreeze == 0 {
		t.Error("no freeze had to yield: nothing was tried")
	}
}

func TestWhatMustAlwaysHoldInRandomHistoriesUnderFreezes(t *testing.T) {
	for seed := range max(40, histories/30) {
		roll := func() dice { return rand.New(rand.NewPCG(seed, 11)) }
		playIn(t, fmt.Sprintf("seed %d", seed), func() (*world, time.Time) {
			d := roll()
			w, until := history(d)
			w.s.Spec.Policy = freezesOf(d, w.s.Spec.Policy)
			return w, until
		}, 250)
	}
}
