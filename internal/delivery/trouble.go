package delivery

import "time"

// How a channel that fails for everybody is tried: soon at first, then ever more
// seldom. Whatever message gets through meanwhile ends the trouble as well.
const (
	firstTry = 5 * time.Minute
	lastTry  = 6 * time.Hour
)

// fresh is for how long a message that was accepted speaks against a channel's
// failing for everybody, and settled is after how long trouble that comes back
// is another one.
const (
	fresh   = 10 * time.Minute
	settled = time.Hour
)

// Trouble is a channel that fails for everybody. It is one event, however many
// messages it loses.
type Trouble struct {
	Since   time.Time     `json:"since,omitzero"` // zero: there is none
	Cause   string        `json:"cause,omitempty"`
	Lost    int           `json:"lost,omitempty"` // messages
	TryAt   time.Time     `json:"tryAt,omitzero"`
	Pause   time.Duration `json:"pause,omitempty"`
	Doubted time.Time     `json:"doubted,omitzero"` // one message failed, soon after others were accepted
	Over    time.Time     `json:"over,omitzero"`    // when the last trouble ended
}

// On reports whether the channel counts as failing for everybody.
func (t *Trouble) On() bool { return !t.Since.IsZero() }

// Struck takes in that a message was given up for the channel's sake, and
// lastSuccess, when the channel last accepted one. It reports whether that
// begins trouble: one failure does unless the channel worked just before; two
// with no success between do in any case.
func (t *Trouble) Struck(now time.Time, lastSuccess time.Time, cause string) bool {
	switch {
	case t.On():
		t.Lost++
		t.Cause = cause
		return false
	case now.Sub(lastSuccess) < fresh && !t.Doubted.After(lastSuccess):
		t.Doubted = now
		return false
	}
	*t = Trouble{Since: now, Cause: cause, Lost: 1, TryAt: now.Add(firstTry), Pause: firstTry, Over: t.Over}
	return true
}

// TellAt is when people are told of trouble that begins now: at once, but of
// trouble that comes and goes once an hour at most.
func (t *Trouble) TellAt(now time.Time) time.Time {
	if at := t.Over.Add(settled); !t.Over.IsZero() && at.After(now) {
		return at
	}
	return now
}

// TryDue reports whether the channel is to be tried, and plans the next try.
func (t *Trouble) TryDue(now time.Time) bool {
	if !t.On() || now.Before(t.TryAt) {
		return false
	}
	t.Pause = min(2*t.Pause, lastTry)
	t.TryAt = now.Add(t.Pause)
	return true
}

// Worked takes in that the channel accepted a message, and reports whether that
// ends trouble.
func (t *Trouble) Worked(at time.Time) bool {
	if !t.On() || at.Before(t.Since) {
		return false
	}
	*t = Trouble{Over: at}
	return true
}
