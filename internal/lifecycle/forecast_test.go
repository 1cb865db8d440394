package lifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// line is what a forecast and a history have to agree on; the instants to some
// seconds, for a run may bring what a look would have shown.
type line struct {
	At       time.Time
	Kind     ForeseenKind
	Why      Reason
	Severity alert.Severity
	Reason   alert.Reason
	Roles    string
	Reach    alert.Reach
	Purpose  Purpose
	Attempt  int
}

// happened collects what a world really does from now on.
func happened(w *world) *[]line {
	var out []line
	w.decided = func(d Decision) {
		l := line{At: w.now, Why: d.Reason}
		switch d.Step.Kind {
		case StepTell:
			a := d.Step.Alert
			l.Kind, l.Severity, l.Reason, l.Roles, l.Reach = ForeseeTell, a.Severity, a.Reason, fmt.Sprint(d.Step.Roles), d.Step.Reach
		case StepClose:
			l.Kind, l.Reason = ForeseeClose, d.Step.Alert.Reason
		case StepRun:
			l.Kind, l.Purpose, l.Attempt = ForeseeRun, d.Step.Run.Purpose, d.Step.Run.Attempt
		default:
			return
		}
		out = append(out, l)
	}
	return &out
}

func lines(events []Foreseen) []line {
	var out []line
	for _, e := range events {
		l := line{At: e.At, Kind: e.Kind, Why: e.Why, Severity: e.Severity, Reason: e.Reason, Reach: e.Reach, Purpose: e.Purpose, Attempt: e.Attempt}
		if e.Kind == ForeseeTell {
			l.Roles = fmt.Sprint(e.Roles)
		}
		if e.Kind != ForeseeLastSafe && e.Kind != ForeseeEnd {
			out = append(out, l)
		}
	}
	return out
}

// TestAForecastIsWhatHappens plays worlds in which nobody answers, asks for a
// forecast at many moments of their lives, and holds it against what follows.
func TestAForecastIsWhatHappens(t *testing.T) {
	forever := epoch.Add(10000 * day)
	trouble := func(kind, who string, from, to time.Duration) func(*world) {
		return func(w *world) {
			end := forever
			if to > 0 {
				end = epoch.Add(to)
			}
			w.troubles = append(w.troubles, trouble{kind: kind, who: who, from: epoch.Add(from), to: end, text: kind})
		}
	}
	for name, tc := range map[string]struct {
		managed  bool
		lifetime time.Duration
		world    []func(*world)
		fate     Fate
		from     time.Duration // forecasts are asked for from here on
		vacant   []people.Role
	}{
		"watched 90d":           {lifetime: 90 * day},
		"watched 6d":            {lifetime: 6 * day},
		"watched 398d":          {lifetime: 398 * day},
		"watched, roles vacant": {lifetime: 90 * day, vacant: []people.Role{people.Owner, people.Manager}},
		"watched, out of sight": {lifetime: 90 * day, world: []func(*world){trouble("dead", "", 70*day, 0)}, from: 71 * day},
		"managed 90d, refused":  {managed: true, lifetime: 90 * day, world: []func(*world){trouble("refused", "", 0, 0)}},
		"managed 6d, refused":   {managed: true, lifetime: 6 * day, world: []func(*world){trouble("refused", "", 0, 0)}},
		"managed 90d, healthy":  {managed: true, lifetime: 90 * day, fate: AllSucceed},
		"managed, CA down":      {managed: true, lifetime: 90 * day, world: []func(*world){trouble("ca", "", 0, 0)}, from: 61 * day},
		"managed, CA comes back": {managed: true, lifetime: 90 * day, fate: AllSucceed, from: 62 * day,
			world: []func(*world){trouble("ca", "", 0, 62*day)}},
		"managed, proof fails":   {managed: true, lifetime: 90 * day, world: []func(*world){trouble("proof", "", 0, 0)}, from: 61 * day},
		"managed, mended":        {managed: true, lifetime: 90 * day, fate: AllSucceed, from: 70 * day, world: []func(*world){trouble("refused", "", 0, 70*day)}},
		"managed, target behind": {managed: true, lifetime: 90 * day, from: 61 * day, world: []func(*world){targets("web1", "web2"), trouble("away", "web2", 59*day, 0)}},
		"managed, target back":   {managed: true, lifetime: 90 * day, fate: AllSucceed, from: 65 * day, world: []func(*world){targets("web1", "web2"), trouble("away", "web2", 59*day, 65*day)}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(Spec{Managed: tc.managed, Policy: Default()}, epoch, tc.lifetime)
			w.mute, w.vacant = true, tc.vacant
			for _, change := range tc.world {
				change(w)
			}
			w.begin(epoch, true)
			if tc.fate == "" {
				tc.fate = AllFail
			}
			until, asked := epoch.Add(tc.lifetime+tc.lifetime/20), 0
			type question struct {
				at  time.Time
				got []line
			}
			var all []question
			seen := happened(w)
			for at := epoch.Add(tc.from).Add(2 * time.Minute); at.Before(until); at = at.Add(tc.lifetime / 5) {
				w.play(at)
				if len(w.s.Flights) > 0 {
					continue
				}
				f := foresee(w.now, until, w.s, Assume{Fate: tc.fate, Vacant: tc.vacant})
				if f.decisions >= maxForecast {
					t.Fatalf("the forecast of day %d is cut", at.Sub(epoch)/day)
				}
				all = append(all, question{w.now, lines(f.events)})
				asked += len(f.events)
			}
			w.play(until)
			for _, q := range all {
				var want []line
				for _, l := range *seen {
					if l.At.After(q.at) {
						want = append(want, l)
					}
				}
				if diff := cmp.Diff(want, q.got, cmpopts.EquateApproxTime(5*time.Second)); diff != "" {
					t.Fatalf("asked on day %d (-happened +foreseen):\n%s", q.at.Sub(epoch)/day, diff)
				}
			}
			if asked == 0 {
				t.Error("no forecast foresaw anything")
			}
		})
	}
}

func targets(names ...string) func(*world) {
	return func(w *world) { w.s.Spec.Targets = names }
}

// fresh is a certificate that was just enrolled, and what its place serves.
func fresh(managed bool, from time.Time, lifetime time.Duration) (State, []cert.Observation) {
	e := cert.Endpoint{Host: "shop.example.com", Port: 443}
	s := State{Spec: Spec{Name: "shop", Names: []string{"shop.example.com"}, Managed: managed, CA: "ca", Endpoints: []cert.Endpoint{e}, Policy: Default()}, EnrolledAt: epoch}
	v := versionNo(1, from, lifetime)
	seen := []cert.Observation{{Endpoint: e, Version: v}}
	if managed {
		s.Spec.Targets = []string{"web1"}
		seen = append(seen, cert.Observation{Target: "web1", Version: v})
	}
	return s, seen
}

func TestAYearOfAFreshEnrolment(t *testing.T) {
	s, seen := fresh(true, epoch, 90*day)
	got, whole := Forecast(epoch, epoch.Add(365*day), s, Assume{Fate: AllSucceed, Seen: seen})
	var runs []time.Time
	for _, e := range got {
		if e.Kind == ForeseeTell || e.Kind == ForeseeEnd || e.Kind == ForeseeLastSafe {
			t.Errorf("nobody should be troubled: %+v", e)
		}
		if e.Kind == ForeseeRun {
			runs = append(runs, e.At)
		}
	}
	if len(runs) != 6 || !whole || runs[0].Sub(epoch)/day != 60 {
		t.Errorf("renewals at %v, whole %v; want one every sixty days", runs, whole)
	}
	if len(s.Alerts)+len(s.Flights) > 0 || s.Live.Fingerprint != "" || seen[0].Version.Serial != "1" {
		t.Error("a forecast changed what it was asked about")
	}
}

func TestWhatRepeatsIsOneEvent(t *testing.T) {
	s, seen := fresh(false, epoch.Add(-88*day), 90*day)
	got, whole := Forecast(epoch, epoch.Add(3*day), s, Assume{Fate: AllFail, Seen: seen})
	var pages, times int
	for _, e := range got {
		if e.Kind == ForeseeTell {
			pages++
			times += max(e.Times, 1)
		}
		if e.Times == 1 || (e.Times > 1) != (e.Every > 0) || (e.Times > 1) != e.Last.After(e.At) {
			t.Errorf("repeats strangely: %+v", e)
		}
	}
	if pages != 6 || times < 140 || !whole { // three thresholds of two steps, hourly
		t.Errorf("%d events of %d pages, whole %v", pages, times, whole)
	}
	if i := slices.IndexFunc(got, func(e Foreseen) bool { return e.Kind == ForeseeEnd }); i < 0 || !got[i].At.Equal(seen[0].Version.NotAfter) {
		t.Errorf("the end of the certificate is not foreseen: %+v", got)
	}
}

func TestAForecastOfTooMuchSaysSo(t *testing.T) {
	s, seen := fresh(false, epoch.Add(-100*day), 90*day)
	if _, whole := Forecast(epoch, epoch.Add(3650*day), s, Assume{Fate: AllFail, Seen: seen}); whole {
		t.Error("ten years of hourly pages are told whole")
	}
}
