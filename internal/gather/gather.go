// Package gather decides when what waits for one person is sent: alone and at
// once while little happens, together in one message when much does. It is
// pure; config reads its rules, activities hand them on, the workflow of an
// inbox asks it. It sends nothing, and it is told what time it is.
package gather

import (
	"fmt"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// Rules say how long notices wait for others, by severity. The zero Rules
// gather nothing.
type Rules struct {
	// P1 is how long a page waits after another one of the same reason; the first
	// goes at once.
	P1 time.Duration `mapstructure:"p1" json:"p1"`
	// P2, P3 and P4 are how long a notice waits for others that go with it.
	P2 time.Duration `mapstructure:"p2" json:"p2"`
	P3 time.Duration `mapstructure:"p3" json:"p3"`
	P4 time.Duration `mapstructure:"p4" json:"p4"`
	// Few messages go to one person within Every, pages not counted; what comes
	// after waits until they are that long ago. One of Many certificates counts as
	// Few. A zero Every gathers nothing.
	Every time.Duration `mapstructure:"every" json:"every"`
	Few   int           `mapstructure:"few" json:"few"`
}

// Many is how many certificates in one message mean that more will come.
const Many = 10

// The bounds of the rules: people must not wait longer for a page, or for
// anything else.
const (
	MaxP1    = 10 * time.Minute
	MaxHold  = 4 * time.Hour
	MaxEvery = 24 * time.Hour
)

// Default is what counts where nothing is configured.
func Default() Rules {
	return Rules{P1: 2 * time.Minute, P2: time.Minute, P3: time.Minute, P4: time.Minute, Every: time.Hour, Few: 3}
}

// On reports whether anything is gathered.
func (r Rules) On() bool { return r.Every > 0 }

// Hold is how long a notice of a severity waits for others.
func (r Rules) Hold(s alert.Severity) time.Duration {
	switch s {
	case alert.P1:
		return r.P1
	case alert.P2:
		return r.P2
	case alert.P3:
		return r.P3
	}
	return r.P4
}

// Latest is when a notice that was decided at an instant is sent at the latest.
// next is when the next step of its escalation is due, zero if none is: at most
// a quarter of the time until then is spent on waiting.
func (r Rules) Latest(s alert.Severity, at, next time.Time) time.Time {
	wait := max(r.Every, r.Hold(s))
	if s == alert.P1 {
		wait = r.P1
	}
	if !next.IsZero() {
		wait = min(wait, max(0, next.Sub(at)/4))
	}
	return at.Add(wait)
}

// Wrong is what is wrong with a rule, and how to mend it.
type Wrong struct{ Key, Text string }

// Validate tells everything that is wrong.
func (r Rules) Validate() []Wrong {
	var errs []Wrong
	for _, f := range []struct {
		key        string
		value, max time.Duration
	}{{"p1", r.P1, MaxP1}, {"p2", r.P2, MaxHold}, {"p3", r.P3, MaxHold}, {"p4", r.P4, MaxHold}, {"every", r.Every, MaxEvery}} {
		if f.value < 0 || f.value > f.max {
			errs = append(errs, Wrong{f.key, fmt.Sprintf("%s is not between 0s and %s", f.value, f.max)})
		}
	}
	if r.Few < 1 {
		errs = append(errs, Wrong{"few", fmt.Sprintf("%d is too small; write how many messages may go to one person within gather.every, 3 if unsure", r.Few)})
	}
	return errs
}

// Waiting is a notice that was not sent yet.
type Waiting struct {
	At       time.Time      `json:"at"` // when it was decided to tell
	By       time.Time      `json:"by"` // sent at the latest
	Severity alert.Severity `json:"severity"`
	Reason   alert.Reason   `json:"reason"`
}

// Sent is a message that went out.
type Sent struct {
	At       time.Time      `json:"at"`
	Severity alert.Severity `json:"severity"`
	Reason   alert.Reason   `json:"reason"` // of a page
	Count    int            `json:"count"`  // of certificates in it
}

// State is what is remembered of one person.
type State struct {
	Rules Rules  `json:"rules"`
	Sent  []Sent `json:"sent,omitempty"` // not older than counts
}

// Turn is what is sent now, each batch as one message, as indices into what
// waits, and when to ask again; a zero Next: when something comes.
type Turn struct {
	Batches [][]int   `json:"batches,omitempty"`
	Next    time.Time `json:"next,omitzero"`
}

// Turn decides. Pages go with pages of the same reason; everything else goes
// together as soon as one of it is due.
func (s State) Turn(now time.Time, all []Waiting) Turn {
	var t Turn
	groups := map[alert.Reason][]int{}
	var order []alert.Reason
	for i, w := range all {
		key := alert.Reason("")
		if w.Severity == alert.P1 {
			key = w.Reason
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	for _, key := range order {
		due := s.due(key, all, groups[key])
		switch {
		case !now.Before(due):
			t.Batches = append(t.Batches, groups[key])
		case t.Next.IsZero() || due.Before(t.Next):
			t.Next = due
		}
	}
	return t
}

// due is when a group is sent: pages of one reason, or everything else.
func (s State) due(page alert.Reason, all []Waiting, group []int) time.Time {
	var due time.Time
	room := s.roomAt()
	for _, i := range group {
		w := all[i]
		at := s.pageAt(w.Reason)
		if page == "" {
			at = later(w.At.Add(s.Rules.Hold(w.Severity)), room)
		}
		if w.By.Before(at) {
			at = w.By
		}
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due
}

// pageAt is when another page of a reason may go.
func (s State) pageAt(r alert.Reason) time.Time {
	for _, m := range slices.Backward(s.Sent) {
		if m.Severity == alert.P1 && m.Reason == r {
			return m.At.Add(s.Rules.P1)
		}
	}
	return time.Time{}
}

// roomAt is when another message that is no page may go.
func (s State) roomAt() time.Time {
	var room time.Time
	few := 0
	for _, m := range slices.Backward(s.Sent) {
		if m.Severity == alert.P1 {
			continue
		}
		if few++; few >= s.Rules.Few || m.Count >= Many {
			room = later(room, m.At.Add(s.Rules.Every))
		}
	}
	return room
}

// Went notes that a message went out, and forgets what does not count any more.
func (s *State) Went(now time.Time, severity alert.Severity, reason alert.Reason, count int) {
	s.Forget(now)
	s.Sent = append(s.Sent, Sent{At: now, Severity: severity, Reason: reason, Count: count})
}

// Forget drops what does not count any more.
func (s *State) Forget(now time.Time) {
	s.Sent = slices.DeleteFunc(s.Sent, func(m Sent) bool {
		keep := s.Rules.Every
		if m.Severity == alert.P1 {
			keep = s.Rules.P1
		}
		return !now.Before(m.At.Add(keep))
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
