package lifecycle

import (
	"slices"
	"time"
)

// fold makes one event of what repeats in even steps, such as a page that is
// sent every hour, or a CA that is asked again and again.
func fold(events []Foreseen) []Foreseen {
	var out []Foreseen
	for _, e := range events {
		i := lastLike(out, e)
		if i < 0 || !out[i].takes(e.At) {
			out = append(out, e)
			continue
		}
		was := &out[i]
		if was.Times == 0 {
			was.Times, was.Last = 1, was.At
		}
		was.Every, was.Last = e.At.Sub(was.Last), e.At
		was.Times++
	}
	return out
}

// lastLike finds the latest event that another one is a repetition of.
func lastLike(out []Foreseen, e Foreseen) int {
	for i, o := range slices.Backward(out) {
		switch {
		case o.Kind != e.Kind:
		case e.Kind == ForeseeTell && e.Why != ThresholdCrossed && e.Why != ConditionRaised &&
			o.Alert == e.Alert && o.Round == e.Round && o.Step == e.Step:
			return i
		case e.Kind == ForeseeRevoke:
			return i
		case e.Kind == ForeseeRun && o.Purpose == e.Purpose && o.Attempt == e.Attempt && o.NotAfter.IsZero() && e.NotAfter.IsZero():
			return i
		}
	}
	return -1
}

// takes reports whether what happens at an instant goes on in the same step.
func (e Foreseen) takes(at time.Time) bool {
	if e.Every == 0 {
		return true
	}
	gap := at.Sub(e.Last)
	return (gap - e.Every).Abs() <= e.Every/10
}
