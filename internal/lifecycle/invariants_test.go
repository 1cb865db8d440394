package lifecycle

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// guard watches a world and holds what must always hold.
type guard struct {
	w     *world
	steps int

	worst   alert.Severity // of the open alerts, at the last decision
	closed  bool           // a step closed something since
	instant time.Time
	earlier []Decision // at this instant
	round   map[string]rung

	last     Decision // with what it foresees
	happened int      // until then
}

// rung is where the telling of an alert stands.
type rung struct {
	round, step, told int
	plan              string
}

func guarded(w *world) *guard {
	g := &guard{w: w, round: map[string]rung{}}
	w.decided, w.applied = g.decided, g.applied
	return g
}

// broken is what a history broke.
type broken string

func (g *guard) failf(format string, args ...any) {
	panic(broken(fmt.Sprintf("%s: %s\nthe last lines:\n%s", g.w.clock(g.w.now), fmt.Sprintf(format, args...), tail(g.w.lines, 25))))
}

func (g *guard) decided(d Decision) {
	g.steps++
	s := &g.w.s
	if g.steps%29 == 0 {
		g.survives(d)
	}
	if worst := worstOf(s); g.worst.MoreUrgentThan(worst) && !g.closed {
		g.failf("the urgency fell from %q to %q without evidence", g.worst, worst)
	}
	g.closed = d.Step.Kind == StepClose
	g.counts()
	g.waits()
	switch d.Step.Kind {
	case StepWait:
		if !d.Due.After(g.w.now) {
			g.failf("a wait (%s) is due at %s", d.Reason, d.Due)
		}
		g.idle()
	case StepRun:
		g.mayRun(d)
	case StepTell:
		g.inOrder(d)
	}
	g.once(d)
	g.foresees(d)
}

func (g *guard) applied(Decision) { g.worst = worstOf(&g.w.s) }

func worstOf(s *State) alert.Severity {
	_, worst := look(time.Time{}, s).alarm()
	return worst
}

// survives: a JSON round trip changes no decision, and no decision changes by one.
func (g *guard) survives(d Decision) {
	before, err := json.Marshal(g.w.s)
	if err != nil {
		g.failf("%v", err)
	}
	if len(before) > 64<<10 {
		g.failf("the state has grown to %d bytes", len(before))
	}
	var s State
	if err := json.Unmarshal(before, &s); err != nil {
		g.failf("%v", err)
	}
	want, _ := json.Marshal(d)
	got, _ := json.Marshal(Next(g.w.now, s))
	if string(got) != string(want) {
		g.failf("after a round trip the state decides\n%s\nnot\n%s", got, want)
	}
	var back Decision
	if err := json.Unmarshal(want, &back); err != nil {
		g.failf("%v", err)
	}
	if again, _ := json.Marshal(back); string(again) != string(want) {
		g.failf("the decision\n%s\ncomes back as\n%s", want, again)
	}
	if after, _ := json.Marshal(g.w.s); string(after) != string(before) {
		g.failf("deciding changed the state")
	}
}

// foresees: if nothing happens, what a decision foresees is what is decided then.
func (g *guard) foresees(d Decision) {
	then := g.last.Foreseen(g.w.now)
	if then == nil || g.w.happened != g.happened {
		if g.last, g.happened = d, g.w.happened; g.steps%4 == 0 {
			g.last = Foresee(Next, g.w.now, g.w.s, d)
		}
		return
	}
	g.last = *then
	bare := *then
	bare.Then = nil
	want, _ := json.Marshal(d)
	if got, _ := json.Marshal(bare); string(got) != string(want) {
		g.failf("foreseen was\n%s\nand decided is\n%s", got, want)
	}
}

// counts: one child and one look at a time.
func (g *guard) counts() {
	n := map[FlightKind]int{}
	for _, f := range g.w.s.Flights {
		n[f.Kind]++
	}
	if n[FlyRenewal] > 1 || n[FlyLook] > 1 {
		g.failf("under way at once: %v", g.w.s.Flights)
	}
}

// waits: a notice waits for a summary only where somebody may still send one,
// and only with time to spare; and it waits for nothing once people were told.
func (g *guard) waits() {
	s := &g.w.s
	for _, a := range s.Alerts {
		if a.Held == "" {
			continue
		}
		switch {
		case !a.Open() || a.quieted() || !a.LapAt.IsZero():
			g.failf("%s waits for a summary although it needs none", a.ID)
		case a.NextAt.IsZero() || a.NextAt.After(s.Import.Until) && a.NextAt.After(g.w.now):
			g.failf("%s waits for a summary until %s, longer than one may come", a.ID, a.NextAt)
		case a.Version == s.Live.Fingerprint && s.Live.NotAfter.Sub(a.NextAt) < calm && a.NextAt.After(g.w.now):
			g.failf("%s ends at %s and waits until %s", a.ID, s.Live.NotAfter, a.NextAt)
		}
	}
}

// once: a step silences itself; the same is not decided twice in one instant.
func (g *guard) once(d Decision) {
	if !g.instant.Equal(g.w.now) {
		g.instant, g.earlier = g.w.now, g.earlier[:0]
	}
	for _, e := range g.earlier {
		same := d.Step.Kind != StepWait && d.Step.Kind == e.Step.Kind && d.Reason == e.Reason
		if same && (d.Step.Alert == nil || d.Step.Alert.ID == e.Step.Alert.ID) {
			g.failf("twice in one instant: %s %s", d.Step.Kind, d.Reason)
		}
	}
	g.earlier = append(g.earlier, d)
}

// mayRun: the rules start nothing that a human or the CA forbade, or that the
// budget does not cover.
func (g *guard) mayRun(d Decision) {
	s, r, now := &g.w.s, d.Step.Run, g.w.now
	if r.Purpose == ForRenewal && now.Before(s.Renewal.NotBefore) {
		g.failf("a renewal begins before the CA allows it")
	}
	if r.ByHand != "" {
		return
	}
	v := look(now, s)
	if r.Purpose == ForRenewal && !v.mayRenew() {
		g.failf("a renewal begins that nobody approved")
	}
	if f, ok := v.frozenAt(now, DoIssue, DoDeploy); ok && r.Yields == nil && !r.Hold && r.Purpose != ForRollBack {
		g.failf("a run begins in freeze %s, and nobody records why", f.Name())
	}
	switch {
	case !s.Spec.Managed:
		g.failf("a watched certificate is renewed")
	case v.paused():
		g.failf("a run begins although it is paused until %s", s.Paused.Until)
	case v.held():
		g.failf("a run begins although automation is held")
	case s.spent():
		g.failf("a run begins although the budget is spent")
	case r.Purpose == ForRenewal && now.Before(s.Renewal.RetryAt):
		g.failf("a renewal begins before %s", s.Renewal.RetryAt)
	}
}

// inOrder: who is told next is the one above, the first again after the last,
// or those who were not reached.
func (g *guard) inOrder(d Decision) {
	a := d.Step.Alert
	steps := len(g.w.s.Spec.Policy.ladder(a.Plan).Steps)
	now := rung{a.Round, (a.Step + steps - 1) % steps, a.Told, a.Plan}
	last, known := g.round[a.ID]
	g.round[a.ID] = now
	if !known || last.round != now.round || last.plan != now.plan || d.Reason == NobodyReached || d.Reason == SnoozeEnded || d.Reason == AckLapsed {
		return
	}
	if now.told <= last.told { // the notice was lost and is sent again
		return
	}
	if now.step != (last.step+1)%steps {
		g.failf("%s: step %d follows step %d of %d", a.ID, now.step, last.step, steps)
	}
}

// idle: when the brain waits, nothing that is due is left lying, and nobody is
// left in the dark about a deadline.
func (g *guard) idle() {
	s, now := &g.w.s, g.w.now
	if len(s.Flights) > 0 {
		return
	}
	v := look(now, s)
	for _, a := range s.Alerts {
		if a.Open() && !a.NextAt.IsZero() && !a.NextAt.After(now) && !v.silenced(a) {
			g.failf("%s was due at %s and nothing is under way", a.ID, a.NextAt)
		}
	}
	if !v.known() {
		return
	}
	level := v.plan.Level(now)
	if level < 0 || alert.P2.MoreUrgentThan(v.plan.Thresholds[level].Severity) {
		return
	}
	if s.Spec.Managed && !v.blocked() && now.Before(v.plan.RenewAt) && now.Before(v.plan.LastSafe) {
		return
	}
	if s.Spec.Managed && !v.blocked() && level < s.Spec.Policy.Inform {
		return
	}
	crossed := v.plan.Thresholds[level]
	told := slices.ContainsFunc(s.Alerts, func(a Alert) bool {
		return a.Open() && a.Reason == alert.Expiring && a.Version == s.Live.Fingerprint && a.Level >= level && !crossed.Severity.MoreUrgentThan(a.Severity)
	})
	if !told {
		g.failf("%s was crossed at %s and nobody was told", crossed.Severity, crossed.At)
	}
}

// play plays a history under guard; what it breaks is played again aloud.
func play(t *testing.T, name string, roll func() dice, limit int) int {
	return playIn(t, name, func() (*world, time.Time) { return history(roll()) }, limit)
}

func playIn(t *testing.T, name string, begin func() (*world, time.Time), limit int) int {
	g, why := attempt(begin, limit, true)
	if why != "" {
		_, why = attempt(begin, limit, false)
		t.Fatalf("%s, %s", name, why)
	}
	return g.steps
}

func attempt(begin func() (*world, time.Time), limit int, mute bool) (g *guard, why broken) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case broken:
			why = r
		default:
			panic(r)
		}
	}()
	w, until := begin()
	w.mute, w.limit = mute, limit
	g = guarded(w)
	w.play(until)
	return g, ""
}

// histories is how many are played; the race detector makes each far slower.
var histories = uint64(2500)

func TestWhatMustAlwaysHoldInRandomHistories(t *testing.T) {
	const limit = 250
	steps := 0
	for seed := range histories {
		steps += play(t, fmt.Sprintf("seed %d", seed), func() dice { return rand.New(rand.NewPCG(seed, 1)) }, limit)
	}
	t.Logf("%d decisions in %d histories", steps, histories)
}

func FuzzHistory(f *testing.F) {
	for seed := range byte(24) {
		in := make([]byte, 160)
		for i := range in {
			in[i] = byte(i)*seed*31 + byte(i*i)*7 + seed
		}
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) { play(t, "fuzzed", func() dice { return &fuzzed{in} }, 2000) })
}
