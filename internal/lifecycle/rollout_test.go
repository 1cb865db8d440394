package lifecycle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func named(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("t%d", i+1))
	}
	return out
}

// drawn writes a plan on one line: the canary with a star, the bake behind.
func drawn(plan []Batch) string {
	var out []string
	for _, b := range plan {
		text := strings.Join(b.Targets, "+")
		if b.Canary {
			text = "*" + text
		}
		if b.Bake > 0 {
			text += "~" + FormatDuration(b.Bake)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestTheRolloutPlan(t *testing.T) {
	for _, c := range []struct {
		name    string
		targets int
		policy  RolloutPolicy
		want    string
	}{
		{"without a policy all go at once", 3, RolloutPolicy{}, "t1+t2+t3"},
		{"the first of the list is the canary", 4, RolloutPolicy{Bake: span("10m")}, "*t1~10m t2+t3+t4"},
		{"batches of a count", 6, RolloutPolicy{Batch: "2", Bake: span("10m")}, "*t1~10m t2+t3~10m t4+t5~10m t6"},
		{"batches of a share are rounded up", 6, RolloutPolicy{Batch: "30%"}, "*t1 t2+t3 t4+t5 t6"},
		{"a share of few is one at least", 3, RolloutPolicy{Batch: "1%"}, "*t1 t2 t3"},
		{"more canaries", 5, RolloutPolicy{Canary: "2"}, "*t1+t2 t3+t4+t5"},
		{"a share of canaries", 10, RolloutPolicy{Canary: "15%", Batch: "100%"}, "*t1+t2 t3+t4+t5+t6+t7+t8+t9+t10"},
		{"no canary", 4, RolloutPolicy{Canary: "0", Batch: "2"}, "t1+t2 t3+t4"},
		{"more canaries than targets", 2, RolloutPolicy{Canary: "5", Bake: span("1h")}, "*t1+t2"},
		{"named canaries", 4, RolloutPolicy{Canary: "1", CanaryTargets: []string{"t3", "t4"}, Batch: "1"}, "*t3+t4 t1 t2"},
		{"named canaries that it does not have", 3, RolloutPolicy{CanaryTargets: []string{"x"}, Batch: "1"}, "*t1 t2 t3"},
		{"the canary bakes by itself", 3, RolloutPolicy{Batch: "1", CanaryBake: span("1h"), Bake: span("5m")}, "*t1~1h t2~5m t3"},
		{"a bake that is a share of the lifetime", 3, RolloutPolicy{Batch: "1", Bake: span("min(1h,1/1000)")}, "*t1~1h t2~1h t3"},
		{"one target", 1, RolloutPolicy{Batch: "1", Bake: span("1h")}, "*t1"},
		{"no target", 0, RolloutPolicy{Batch: "1", Bake: span("1h")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			targets := named(c.targets)
			if got := drawn(RolloutPlan(targets, c.policy, 90*24*time.Hour)); got != c.want {
				t.Errorf("%s; want %s", got, c.want)
			}
			if !slices.Equal(targets, named(c.targets)) {
				t.Errorf("the list was changed: %v", targets)
			}
		})
	}
}

func TestEveryPlanHasEveryTargetOnce(t *testing.T) {
	for n := range 25 {
		for _, batch := range []Size{"", "1", "3", "7%", "50%", "100%"} {
			for _, canary := range []Size{"", "0", "3", "10%"} {
				var all []string
				for _, b := range RolloutPlan(named(n), RolloutPolicy{Canary: canary, Batch: batch, MayFail: "1"}, time.Hour) {
					if len(b.Targets) == 0 {
						t.Errorf("%d targets, batch %q, canary %q: an empty batch", n, batch, canary)
					}
					all = append(all, b.Targets...)
				}
				if !slices.Equal(all, named(n)) {
					t.Errorf("%d targets, batch %q, canary %q: %v", n, batch, canary, all)
				}
			}
		}
	}
}

func TestTheGateBetweenBatches(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	canary := Batch{Targets: []string{"t1"}, Canary: true, Bake: time.Hour}
	batch := Batch{Targets: []string{"t2", "t3"}, Bake: 10 * time.Minute}
	rest := []Batch{batch, {Targets: []string{"t4", "t5"}}}
	for _, c := range []struct {
		name string
		in   Progress
		want Verdict
	}{
		{"what is proven bakes", Progress{Batch: canary, Rest: rest, Proven: 1}, Verdict{Bake: time.Hour}},
		{"and goes on after it", Progress{Batch: canary, Rest: rest, Proven: 1, Baked: true}, Verdict{}},
		{"the last has nothing to bake for", Progress{Batch: batch, Proven: 2}, Verdict{}},
		{"a canary that fails is over any budget", Progress{Batch: canary, Rest: rest, MayFail: 5, Failed: 1, Broken: 1}, Verdict{Undo: true, Why: "the canary failed"}},
		{"one that fails is over no budget", Progress{Batch: batch, Rest: rest[1:], Of: 5, Failed: 1, Broken: 1, Proven: 1}, Verdict{Undo: true, Why: "1 of 5 targets failed, more than the 0 that may"}},
		{"one that fails is within the budget", Progress{Batch: batch, Rest: rest[1:], MayFail: 1, Failed: 1, Broken: 1, Proven: 1}, Verdict{Bake: 10 * time.Minute}},
		{"those of all batches count", Progress{Batch: batch, Of: 5, MayFail: 1, Failed: 2, Broken: 1, Proven: 1}, Verdict{Undo: true, Why: "2 of 5 targets failed, more than the 1 that may"}},
		{"a batch out of reach holds up nobody", Progress{Batch: batch, Rest: rest[1:]}, Verdict{}},
		{"nobody could look", Progress{Batch: batch, Rest: rest[1:], Proven: 1, Unclear: 1}, Verdict{Stop: true, Why: "of 1 targets it is not known how they stand"}},
		{"a canary out of reach has another take its place", Progress{Batch: canary, Rest: rest},
			Verdict{Why: "no canary was in reach; another takes its place", Rest: []Batch{{Targets: []string{"t2"}, Canary: true, Bake: time.Hour}, {Targets: []string{"t3"}, Bake: 10 * time.Minute}, rest[1]}}},
		{"up to a point", Progress{Batch: canary, Rest: rest, StoodIn: MaxStandIns}, Verdict{}},

		{"the last safe moment is far", Progress{Batch: canary, Rest: rest, Proven: 1, SafeBy: now.Add(48 * time.Hour)}, Verdict{Bake: time.Hour}},
		{"it shortens every bake in proportion", Progress{Batch: canary, Rest: rest, Proven: 1, SafeBy: now.Add(70 * time.Minute)}, Verdict{Bake: 30 * time.Minute}},
		{"after it nothing bakes", Progress{Batch: canary, Rest: rest, Proven: 1, SafeBy: now}, Verdict{}},
		{"after it nothing proven is undone", Progress{Batch: batch, Rest: rest, Failed: 2, Broken: 1, Proven: 1, SafeBy: now}, Verdict{Why: "the last safe moment has passed: what is proven stays, and the others go on"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Gate(now, c.in)
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%+v; want %+v", got, c.want)
			}
		})
	}
}

func TestNoBakeReachesPastTheLastSafeMoment(t *testing.T) {
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, left := range []time.Duration{time.Second, time.Minute, time.Hour, 30 * time.Hour} {
		now := start
		plan := RolloutPlan(named(20), RolloutPolicy{Batch: "1", Bake: span("12h")}, 90*24*time.Hour)
		for i, b := range plan {
			v := Gate(now, Progress{Batch: b, Rest: plan[i+1:], Of: 20, Proven: 1, SafeBy: start.Add(left)})
			now = now.Add(v.Bake)
		}
		if now.After(start.Add(left)) {
			t.Errorf("%s before the last safe moment, the bakes take %s", left, now.Sub(start))
		}
	}
}

func TestASizeIsACountOrAShare(t *testing.T) {
	for text, ok := range map[string]bool{"5": true, "0": true, "25%": true, "100%": true, " 5 %": true, "101%": false, "-1": false, "+1": false, "half": false, "1.5": false, "": false, "%": false} {
		if _, err := ParseSize(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, c := range []struct {
		s              Size
		n, least, most int
	}{{"5", 20, 5, 5}, {"25%", 10, 3, 2}, {"100%", 7, 7, 7}, {"0%", 7, 0, 0}, {"", 7, 0, 0}} {
		if got := [2]int{c.s.atLeast(c.n), c.s.atMost(c.n)}; got != [2]int{c.least, c.most} {
			t.Errorf("%q of %d: %v", c.s, c.n, got)
		}
	}
}

func TestARolloutPolicyThatCannotWorkIsRefused(t *testing.T) {
	p := Default()
	p.Rollout = RolloutPolicy{Canary: "x", Batch: "0", MayFail: "200%", Bake: span("2d"), CanaryBake: span("30%")}
	err := p.Validate()
	for _, want := range []string{
		`rollout.canary: "x" is no number of targets: write a count (5) or a share of them (25%)`, "rollout.batch: 0 targets at a time would never come to an end",
		`rollout.may_fail: "200%"`, "rollout.bake: 2d is longer than 1d", "rollout.canary_bake: 30% is longer than 1d",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestAPolicyWithoutARolloutIsWhatItWas(t *testing.T) {
	text, err := json.Marshal(Default())
	if err != nil || strings.Contains(string(text), "rollout") {
		t.Errorf("%v %s", err, text)
	}
	with := Default()
	with.Rollout = RolloutPolicy{Batch: "25%", Bake: span("10m")}
	if with.Hash() == Default().Hash() {
		t.Error("a rollout does not change the hash")
	}
	text, _ = json.Marshal(with)
	var back Policy
	if err := json.Unmarshal(text, &back); err != nil || fmt.Sprint(back) != fmt.Sprint(with) {
		t.Errorf("%v: %+v", err, back.Rollout)
	}
}
