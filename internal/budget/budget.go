// Package budget keeps one account of a CA inside what the CA allows: sliding
// windows of instants, dates before which nothing may be sent, and the order in
// which renewals wait. It is pure; the account's workflow asks it and does what
// it says. It knows nothing of certificates but when each has to be safe.
package budget

import (
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

const (
	// Slack is added to every window: an order leaves up to a minute after its lease was granted.
	Slack = time.Minute
	// Hold is how long a lease stays good, and an offer stands, until it lapses.
	Hold = 10 * time.Minute
)

// Request asks for a lease: the right to place one order.
type Request struct {
	ID          string       `json:"id"`    // of the replacement: the same for every run of it
	Token       string       `json:"token"` // of the run: asking twice is granted once
	Certificate string       `json:"certificate"`
	Limits      []cert.Limit `json:"limits,omitempty"` // those that the order counts against
	SafeBy      time.Time    `json:"safeBy"`           // the certificate's last safe moment
}

// Grant answers a request.
type Grant struct {
	Granted bool      `json:"granted"`
	At      time.Time `json:"at,omitzero"`   // not granted: when it may be, as far as can be foreseen
	Why     string    `json:"why,omitempty"` // not granted: what stands in the way
}

// State is one account's budget; it survives a JSON round trip unchanged.
type State struct {
	Uses    []Use     `json:"uses,omitempty"`
	Blocks  []Block   `json:"blocks,omitempty"`
	Waiting []Waiting `json:"waiting,omitempty"` // the most urgent first
	Leases  []Lease   `json:"leases,omitempty"`
}

// Use is what was counted under one key, oldest first.
type Use struct {
	Key    string        `json:"key"`
	Most   int           `json:"most"` // as asked for last
	Within time.Duration `json:"within"`
	At     []time.Time   `json:"at"`
}

// Block is a date of the CA's before which nothing is sent.
type Block struct {
	Key   string    `json:"key,omitempty"` // empty: nothing at all
	Until time.Time `json:"until"`
	Why   string    `json:"why,omitempty"`
}

// Waiting is a request that was not granted.
type Waiting struct {
	Request
	Since time.Time `json:"since"`
	// OfferedUntil: its turn has come, and it was woken; zero until then.
	OfferedUntil time.Time `json:"offeredUntil,omitzero"`
}

// Lease is the right to place one order until it lapses.
type Lease struct {
	Token string    `json:"token"`
	Until time.Time `json:"until"`
}

// Ask grants a lease, or has the request wait for its turn.
func (s *State) Ask(now time.Time, r Request) Grant {
	s.prune(now)
	if slices.ContainsFunc(s.Leases, func(l Lease) bool { return l.Token == r.Token }) {
		return Grant{Granted: true}
	}
	s.enqueue(now, r)
	for _, i := range s.turns(now) {
		if s.Waiting[i].ID == r.ID {
			s.Waiting = slices.Delete(s.Waiting, i, i+1)
			s.use(now, r.Limits, false)
			s.Leases = append(s.Leases, Lease{r.Token, now.Add(Hold)})
			return Grant{Granted: true}
		}
	}
	return s.foresee(now, r.ID)
}

// enqueue puts a request in its place; one that waits already keeps its date.
func (s *State) enqueue(now time.Time, r Request) {
	w := Waiting{Request: r, Since: now}
	if i := s.waits(r.ID); i >= 0 {
		w.Since = s.Waiting[i].Since
		s.Waiting = slices.Delete(s.Waiting, i, i+1)
	}
	i, _ := slices.BinarySearchFunc(s.Waiting, w, byUrgency)
	s.Waiting = slices.Insert(s.Waiting, i, w)
}

func byUrgency(a, b Waiting) int {
	if c := a.SafeBy.Compare(b.SafeBy); c != 0 {
		return c
	}
	if c := a.Since.Compare(b.Since); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

func (s *State) waits(id string) int {
	return slices.IndexFunc(s.Waiting, func(w Waiting) bool { return w.ID == id })
}

// Withdraw forgets a request that nobody waits for any more.
func (s *State) Withdraw(id string) {
	if i := s.waits(id); i >= 0 {
		s.Waiting = slices.Delete(s.Waiting, i, i+1)
	}
}

// Refused takes in a date of the CA's, for some keys or, with none, for everything.
func (s *State) Refused(now, until time.Time, why string, keys ...string) {
	s.prune(now)
	if !until.After(now) {
		return
	}
	if len(keys) == 0 {
		keys = []string{""}
	}
	for _, key := range keys {
		i := slices.IndexFunc(s.Blocks, func(b Block) bool { return b.Key == key })
		switch {
		case i < 0:
			s.Blocks = append(s.Blocks, Block{key, until, why})
		case until.After(s.Blocks[i].Until):
			s.Blocks[i] = Block{key, until, why}
		}
	}
}

// Failed counts a failed validation under the limits that count those.
func (s *State) Failed(now time.Time, limits []cert.Limit) {
	s.prune(now)
	s.use(now, limits, true)
}

func (s *State) use(now time.Time, limits []cert.Limit, failures bool) {
	for _, l := range limits {
		if l.Failures != failures {
			continue
		}
		i := slices.IndexFunc(s.Uses, func(u Use) bool { return u.Key == l.Key })
		if i < 0 {
			s.Uses = append(s.Uses, Use{Key: l.Key})
			i = len(s.Uses) - 1
		}
		u := &s.Uses[i]
		u.Most, u.Within = l.Most, max(u.Within, l.Within)
		u.At = append(u.At, now)
	}
}

// prune forgets what counts no more.
func (s *State) prune(now time.Time) {
	for i := range s.Uses {
		u := &s.Uses[i]
		u.At = slices.DeleteFunc(u.At, func(t time.Time) bool { return !t.Add(u.Within + Slack).After(now) })
	}
	s.Uses = slices.DeleteFunc(s.Uses, func(u Use) bool { return len(u.At) == 0 })
	s.Blocks = slices.DeleteFunc(s.Blocks, func(b Block) bool { return !b.Until.After(now) })
	s.Leases = slices.DeleteFunc(s.Leases, func(l Lease) bool { return !l.Until.After(now) })
	s.Waiting = slices.DeleteFunc(s.Waiting, func(w Waiting) bool { return !w.OfferedUntil.IsZero() && !w.OfferedUntil.After(now) })
}

// Clone copies the state so that the copy can be changed freely.
func (s State) Clone() State {
	s.Uses = slices.Clone(s.Uses)
	for i := range s.Uses {
		s.Uses[i].At = slices.Clone(s.Uses[i].At)
	}
	s.Blocks, s.Waiting, s.Leases = slices.Clone(s.Blocks), slices.Clone(s.Waiting), slices.Clone(s.Leases)
	return s
}
