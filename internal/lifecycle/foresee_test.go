package lifecycle

import (
	"testing"
	"time"
)

func TestALookIsForeseenAndNothingElse(t *testing.T) {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	w := newWorld(Spec{Policy: Default()}, begin, 90*day)
	w.begin(begin, true)
	w.play(begin.Add(5*day + time.Hour))

	wait := Foresee(Next, w.now, w.s, Next(w.now, w.s))
	look := wait.Then
	if wait.Reason != UntilLook || look == nil || look.Step.Kind != StepLook || look.Then == nil || look.Then.Step.Kind != StepWait || look.Then.Then != nil {
		t.Fatalf("foreseen is %+v, then %+v", wait, look)
	}
	for what, c := range map[string]struct {
		at   time.Time
		want *Decision
	}{
		"before it is due":            {wait.Due.Add(-1), nil},
		"when it is due":              {wait.Due, look},
		"late, with nothing else due": {wait.Due.Add(time.Hour), look},
		"so late that more is due":    {look.Then.Due, nil},
	} {
		if got := wait.Foreseen(c.at); got != c.want {
			t.Errorf("%s: foreseen is %+v", what, got)
		}
	}
	if got := look.Foreseen(wait.Due.Add(day)); got != look.Then {
		t.Errorf("while it is under way foreseen is %+v", got)
	}

	looks, told := 0, 0
	w.decided = func(d Decision) {
		switch then := Foresee(Next, w.now, w.s, d).Then; {
		case d.Step.Kind == StepTell:
			told++
			fallthrough
		case d.Step.Kind != StepWait && d.Step.Kind != StepLook:
			if then != nil {
				t.Errorf("after %s is foreseen: %+v", d.Step.Kind, then)
			}
		case d.Step.Kind == StepWait && then != nil:
			if looks++; then.Step.Kind != StepLook {
				t.Errorf("foreseen is %+v", then)
			}
		}
	}
	w.play(begin.Add(89 * day))
	if looks < 80 || told == 0 {
		t.Errorf("%d looks were foreseen and %d notices told", looks, told)
	}
}
