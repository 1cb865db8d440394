package lifecycle

import "time"

// Foresee adds to a decision what follows if nothing happens, as far as that is a
// look and the wait while it is under way. Nothing else is begun before the world
// and the rules were asked for it.
func Foresee(next func(time.Time, State) Decision, now time.Time, s State, d Decision) Decision {
	s = s.Clone()
	switch d.Step.Kind {
	case StepLook:
		s.Apply(d, now)
		if wait := next(now, s); wait.Step.Kind == StepWait {
			d.Then = &wait
		}
	case StepWait:
		if look := next(d.Due, s); look.Step.Kind == StepLook {
			if look = Foresee(next, d.Due, s, look); look.Then != nil {
				d.Then = &look
			}
		}
	}
	return d
}

// Foreseen is what follows now by an earlier decision; nil if the brain has to be
// asked: the wait is not over, or over for so long that more may be due by now.
func (d Decision) Foreseen(now time.Time) *Decision {
	if d.Then == nil || d.Step.Kind == StepWait && (now.Before(d.Due) || !now.Before(d.Then.Then.Due)) {
		return nil
	}
	return d.Then
}
