package budget

import (
	"fmt"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Turn is what the account does next.
type Turn struct {
	Offers []Waiting `json:"offers,omitempty"` // to be woken now, the most urgent first
	Next   time.Time `json:"next,omitzero"`    // when to look again if nothing happens; zero: never
}

// Turn says whose turn has come, and when to look again.
func (s State) Turn(now time.Time) Turn {
	s = s.Clone()
	s.prune(now)
	var t Turn
	for _, i := range s.turns(now) {
		if w := &s.Waiting[i]; w.OfferedUntil.IsZero() {
			w.OfferedUntil = now.Add(Hold)
			t.Offers = append(t.Offers, *w)
		}
	}
	consider := func(at time.Time) {
		if at.After(now) && (t.Next.IsZero() || at.Before(t.Next)) {
			t.Next = at
		}
	}
	v := s.view(now)
	for _, w := range s.Waiting {
		consider(w.OfferedUntil)
		if w.OfferedUntil.IsZero() {
			at, _ := v.free(w)
			consider(at)
		}
	}
	return t
}

// Offered notes that those of a turn were woken.
func (s *State) Offered(now time.Time, offers []Waiting) {
	s.prune(now)
	for _, o := range offers {
		if i := s.waits(o.ID); i >= 0 {
			s.Waiting[i].OfferedUntil = now.Add(Hold)
		}
	}
}

// turns lists those that may be granted now, the most urgent first: what it
// grants to one is not there for the next. One that waits for a limit of its
// own holds up nobody else.
func (s *State) turns(now time.Time) []int {
	var out []int
	v := s.view(now)
	for i, w := range s.Waiting {
		if at, _ := v.free(w); !at.After(now) {
			out = append(out, i)
			v.take(w)
		}
	}
	return out
}

// view is the state at an instant, by key.
type view struct {
	now    time.Time
	uses   map[string][]time.Time
	blocks []Block
	taken  map[string]int // what those before get
}

func (s *State) view(now time.Time) *view {
	v := &view{now: now, uses: make(map[string][]time.Time, len(s.Uses)), blocks: s.Blocks, taken: map[string]int{}}
	for _, u := range s.Uses {
		v.uses[u.Key] = u.At
	}
	return v
}

func (v *view) take(w Waiting) {
	for _, l := range w.Limits {
		v.taken[l.Key]++
	}
}

// free is when a request has room in all that it counts against, and what it
// waits for longest; now or earlier if it has.
func (v *view) free(w Waiting) (at time.Time, why string) {
	for _, b := range v.blocks {
		about := slices.ContainsFunc(w.Limits, func(l cert.Limit) bool { return l.Key == b.Key })
		if (b.Key == "" || about) && b.Until.After(at) {
			at, why = b.Until, "the CA asked to wait: "+b.Why
		}
	}
	for _, l := range w.Limits {
		if t := v.room(l); t.After(at) {
			at, why = t, fmt.Sprintf("the CA allows %d within %s for %s", l.Most, l.Within, l.Key)
		}
	}
	return at, why
}

// room is when one more fits under a limit.
func (v *view) room(l cert.Limit) time.Time {
	at := v.uses[l.Key]
	for len(at) > 0 && !at[0].Add(l.Within+Slack).After(v.now) {
		at = at[1:]
	}
	over := len(at) + v.taken[l.Key] - l.Most // so many, and one more, have to end first
	switch {
	case over < 0:
		return time.Time{}
	case over < len(at):
		return at[over].Add(l.Within + Slack)
	}
	return v.now.Add(l.Within + Slack)
}

// foresee tells when a request that waits may be granted.
func (s *State) foresee(now time.Time, id string) Grant {
	v := s.view(now)
	for _, w := range s.Waiting {
		if w.ID == id {
			at, why := v.free(w)
			return Grant{At: at, Why: why}
		}
		v.take(w)
	}
	return Grant{At: now.Add(Hold)}
}
