package lifecycle

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// tenYears is a life in which much goes wrong, again and again.
func tenYears(lifetime time.Duration, managed bool) *world {
	spec := Spec{Managed: managed, Policy: Default()}
	if managed {
		spec.Targets = []string{"web1", "web2", "web3"}
	}
	w := newWorld(spec, epoch, lifetime)
	w.mute, w.addresses = true, 3
	w.begin(epoch, true)
	end := epoch.Add(3653 * day)
	kinds := []string{"deploy", "ca", "away", "unknown", "dead", "refused", "channels", "doubt", "proof"}
	for i, at := 0, epoch; at.Before(end); i, at = i+1, at.Add(lifetime*13/20) {
		t := trouble{kind: kinds[i%len(kinds)], from: at, to: at.Add(lifetime / 5), text: fmt.Sprintf("trouble %d", i)}
		if t.kind == "away" || t.kind == "dead" {
			t.who = w.holders()[i%3]
		}
		w.troubles = append(w.troubles, t)
		if !managed || i%5 == 4 {
			w.at(at.Add(lifetime/3), func() { w.replace(lifetime, w.holders()...) })
		}
	}
	return w
}

func TestTheStateStaysSmallOverTenYears(t *testing.T) {
	for _, c := range []struct {
		lifetime time.Duration
		managed  bool
		years    int
	}{{90 * day, true, 10}, {90 * day, false, 10}, {6 * day, true, 1}} {
		w := tenYears(c.lifetime, c.managed)
		largest, asked := 0, 0
		w.decided = func(Decision) {
			if asked++; asked%97 != 0 {
				return
			}
			b, err := json.Marshal(w.s)
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, len(b))
		}
		w.play(epoch.AddDate(c.years, 0, 0))
		if largest == 0 || largest > 20<<10 {
			t.Errorf("%s, managed %v: the state reached %d bytes", c.lifetime, c.managed, largest)
		}
		t.Logf("%s, managed %v: %d decisions, at most %d bytes, %d versions", c.lifetime, c.managed, asked, largest, w.made)
	}
}

func TestADecisionSurvivesAJSONRoundTrip(t *testing.T) {
	seen := map[StepKind]bool{}
	for _, managed := range []bool{true, false} {
		w := tenYears(90*day, managed)
		w.decided = func(d Decision) {
			if seen[d.Step.Kind] && d.Step.Kind == StepWait {
				return
			}
			seen[d.Step.Kind] = true
			b, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var back Decision
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d, back); diff != "" {
				t.Fatalf("%s: %s", d.Reason, diff)
			}
		}
		w.at(epoch.Add(400*day), func() { w.s.Retire = &Order{By: "minji"} })
		w.play(epoch.Add(401 * day))
	}
	for _, k := range []StepKind{StepWait, StepLook, StepTell, StepEdit, StepClose, StepRun, StepFinish} {
		if !seen[k] {
			t.Errorf("no %s was decided", k)
		}
	}
}

// A healthy managed certificate is no news, whatever its lifetime.
func TestNobodyHearsOfAHealthyRenewal(t *testing.T) {
	for _, lifetime := range []time.Duration{36 * time.Hour, 6 * day, 10 * day, 47 * day, 90 * day, 398 * day} {
		for inform := range 4 {
			spec := Spec{Managed: true, Policy: Default(), Targets: []string{"web1", "web2"}}
			spec.Policy.Inform = inform
			w := newWorld(spec, epoch, lifetime)
			w.begin(epoch, true)
			w.play(epoch.Add(4 * lifetime))
			if len(w.told) > 0 || w.made < 5 {
				t.Errorf("%s, inform %d: %d versions, %d notices:\n%s", lifetime, inform, w.made, len(w.told), tail(w.lines, 10))
			}
		}
	}
}

// RenewalFailing tells once by two kinds of channel; later attempts edit.
func TestFailingAttemptsDoNotPage(t *testing.T) {
	w := newWorld(Spec{Managed: true, Policy: Default()}, epoch, 90*day)
	w.begin(epoch, true)
	for i := range 30 {
		from := epoch.Add(time.Duration(60+i) * day)
		w.troubles = append(w.troubles, trouble{kind: "refused", from: from, to: from.Add(day), text: fmt.Sprintf("cause %d", i)})
	}
	edits := 0
	w.applied = func(d Decision) {
		if d.Step.Kind == StepEdit && d.Step.Alert.Reason == alert.RenewalFailing && d.Step.Alert.Edit == alert.Changed {
			edits++
		}
	}
	w.play(epoch.Add(80 * day))
	var reaches []alert.Reach
	for _, n := range w.told {
		if n.reason == alert.RenewalFailing {
			reaches = append(reaches, n.reach)
		}
	}
	if !slices.Equal(reaches, []alert.Reach{alert.Wide, alert.Direct}) || edits < 5 {
		t.Errorf("%v, %d edits", reaches, edits)
	}
}

func BenchmarkNext(b *testing.B) {
	for _, c := range []struct {
		name string
		on   time.Duration
	}{{"healthy", 30 * day}, {"firing", 84 * day}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(Spec{Managed: true, Policy: Default(), Targets: []string{"web1", "web2"}}, epoch, 90*day)
			w.begin(epoch, true)
			w.troubles = []trouble{{kind: "refused", from: epoch, to: epoch.Add(100 * day), text: "no"}}
			w.play(epoch.Add(c.on))
			b.ReportAllocs()
			for b.Loop() {
				Next(w.now, w.s)
			}
		})
	}
}
