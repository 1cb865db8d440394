package estate

import (
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Triage is what became of certificates that nobody enrolled.
type Triage struct {
	Revision int    `json:"revision"` // counts changes; a store takes only the next
	Items    []Item `json:"items"`    // by Key
}

// Item is one certificate in triage.
type Item struct {
	Key   Key       `json:"key"`
	Found time.Time `json:"found"`
	// Told is when people were told of it last, and Left the threshold that was
	// crossed then; zero: none was.
	Told time.Time     `json:"told,omitzero"`
	Left time.Duration `json:"left,omitempty"`
	// Ignored: people decided that nothing has to be done until a date.
	Ignored  *Decision  `json:"ignored,omitempty"`
	Assigned *Decision  `json:"assigned,omitempty"` // to an owner, or a team
	Before   []Decision `json:"before,omitempty"`   // decisions that were replaced or ended, the latest last
}

// Decision is what somebody decided.
type Decision struct {
	By     string    `json:"by"`
	Via    string    `json:"via,omitempty"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`  // an ignoring ends
	Owner  string    `json:"owner,omitempty"` // person or team that it was given to
}

// Bounds of triage.
const (
	MostItems  = 50_000
	keepBefore = 10
)

// State is where a certificate stands in triage.
type State string

// The states.
const (
	Unknown  State = "unknown"  // nobody has decided anything
	Assigned State = "assigned" // somebody is to decide
	Ignored  State = "ignored"  // until a date
)

// Soon are how little may be left of an unknown certificate before people are told
// of it once more, the longest first.
var Soon = []time.Duration{30 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour}

// Stray is a certificate that nobody enrolled, and what was decided about it.
type Stray struct {
	Record Record `json:"record"`
	Item   Item   `json:"item"`
	State  State  `json:"state"`
	// Adoption is what is enrolled of it where nothing else is said; set where a
	// directory is at hand.
	Adoption *Adoption `json:"adoption,omitempty"`
}

// Owner is who is said to own it: by decision, else by what its places say.
func (s Stray) Owner() (owner string, decided bool) {
	if s.Item.Assigned != nil {
		return s.Item.Assigned.Owner, true
	}
	for _, p := range s.Record.Places {
		for _, hint := range []string{p.Owner, p.Team} {
			if hint != "" {
				return hint, false
			}
		}
	}
	return "", false
}

// find gives the index of an item, or where it belongs.
func (t Triage) find(key Key) (int, bool) {
	return slices.BinarySearchFunc(t.Items, key, func(i Item, key Key) int { return strings.Compare(string(i.Key), string(key)) })
}

// Strays lists the certificates that nobody enrolled, in the order of the records.
// Those of CAs are left out: nothing serves them.
func (t Triage) Strays(records []Record, now time.Time) (out []Stray) {
	for _, r := range records {
		if r.Of != "" || r.OfCA() {
			continue
		}
		s := Stray{Record: r, Item: Item{Key: r.Key}, State: Unknown}
		if i, ok := t.find(r.Key); ok {
			s.Item = t.Items[i]
		}
		switch d := s.Item.Ignored; {
		case d != nil && now.Before(d.Until):
			s.State = Ignored
		case s.Item.Assigned != nil:
			s.State = Assigned
		}
		out = append(out, s)
	}
	return out
}

// News are the strays of which people have to be told now: new ones, those whose
// ignoring has ended, those that end soon. One that was only issued ends unnoticed.
func (t Triage) News(strays []Stray, now time.Time) (out []Stray) {
	for _, s := range strays {
		if s.State == Ignored {
			continue
		}
		ended := s.Item.Ignored != nil && s.Item.Told.Before(s.Item.Ignored.Until)
		left := time.Duration(0)
		if !s.Record.IssuedOnly() {
			left = soon(s.Record.Version, now)
		}
		nearer := left > 0 && (s.Item.Left == 0 || left < s.Item.Left)
		if s.Item.Told.IsZero() || ended || nearer {
			out = append(out, s)
		}
	}
	return out
}

// soon gives the smallest threshold that is crossed; 0 if none is, or its end is
// past: then it is news once only.
func soon(v cert.Version, now time.Time) (crossed time.Duration) {
	if v.NotAfter.IsZero() {
		return 0
	}
	for _, s := range Soon {
		if v.NotAfter.Sub(now) <= s {
			crossed = s
		}
	}
	return crossed
}

// Mark notes that people were told of strays.
func (t *Triage) Mark(told []Stray, now time.Time) {
	for _, s := range told {
		i := t.put(s.Record.Key, now)
		if i < 0 {
			continue
		}
		item := &t.Items[i]
		item.Told, item.Left = now.UTC(), soon(s.Record.Version, now)
		if d := item.Ignored; d != nil && !now.Before(d.Until) {
			item.retire(d)
			item.Ignored = nil
		}
	}
}

// put makes sure that there is an item; -1 if there is no room.
func (t *Triage) put(key Key, now time.Time) int {
	i, ok := t.find(key)
	if ok {
		return i
	}
	if len(t.Items) >= MostItems {
		return -1
	}
	t.Items = slices.Insert(t.Items, i, Item{Key: key, Found: now.UTC()})
	return i
}

func (i *Item) retire(d *Decision) {
	if d == nil {
		return
	}
	i.Before = append(i.Before, *d)
	i.Before = i.Before[max(0, len(i.Before)-keepBefore):]
}

// Ignore takes in that nothing has to be done about a certificate until a date.
func (t *Triage) Ignore(key Key, d Decision) bool {
	i := t.put(key, d.At)
	if i < 0 {
		return false
	}
	t.Items[i].retire(t.Items[i].Ignored)
	t.Items[i].Ignored = &d
	return true
}

// Assign takes in who is to decide about it. It is ignored no more.
func (t *Triage) Assign(key Key, d Decision) bool {
	i := t.put(key, d.At)
	if i < 0 {
		return false
	}
	item := &t.Items[i]
	item.retire(item.Ignored)
	item.retire(item.Assigned)
	item.Ignored, item.Assigned = nil, &d
	return true
}

// Forget drops the items of certificates that are nowhere any more, once nothing
// that was decided about them counts.
func (t *Triage) Forget(records []Record, now time.Time) {
	there := map[Key]bool{}
	for _, r := range records {
		there[r.Key] = true
	}
	t.Items = slices.DeleteFunc(t.Items, func(i Item) bool {
		decided := i.Ignored != nil && now.Before(i.Ignored.Until)
		return !there[i.Key] && !decided && now.Sub(i.Told) > keepGone
	})
}

// TriageQuery asks for strays. All: those that are ignored as well. Of: only what
// a key, the beginning of one, or a place names.
type TriageQuery struct {
	All bool   `json:"all,omitempty"`
	Of  string `json:"of,omitempty"`
}

// TriageList are strays, those that end first at the head.
type TriageList struct {
	Strays []Stray `json:"strays"`
	More   int     `json:"more,omitempty"` // that are not listed
}

// TriageOrder is what somebody decided about one stray. Until set: it is ignored
// until then; else it is given to Owner.
type TriageOrder struct {
	Of       string   `json:"of"`
	Decision Decision `json:"decision"`
}
