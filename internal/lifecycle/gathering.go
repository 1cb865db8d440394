package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// Gathering is a notice that waits in the inboxes of those it is for, where it
// is told together with others. The clock of its escalation runs since it was
// decided to tell.
type Gathering struct {
	Notice  int       `json:"notice"`            // Alert.Told of it
	To      []string  `json:"to"`                // whose inbox has not said yet what became of it
	Reached bool      `json:"reached,omitempty"` // somebody was
	Until   time.Time `json:"until"`             // it is told by itself then
}

func (g *Gathering) clone() *Gathering {
	if g == nil {
		return nil
	}
	out := *g
	out.To = slices.Clone(g.To)
	return &out
}

// Delivered is what became of a notice in one inbox.
type Delivered struct {
	Alert    string
	Notice   int // Alert.Told of it
	To       string
	Receipts []alert.Receipt
	Failed   []string
}

// Delivered lands the word of an inbox. When the last one has spoken and nobody
// was reached, it goes on as with any notice that reached nobody.
func (s *State) Delivered(now time.Time, in Delivered) {
	a := s.Alert(in.Alert)
	if a == nil {
		return
	}
	g := a.Gathering
	current := g != nil && g.Notice == in.Notice
	failed := in.Failed
	if !current { // a later notice was told; what refused this one is old news
		failed = nil
	}
	a.take(in.Receipts, failed)
	if len(in.Receipts) > 0 && (!a.Open() || a.quieted()) { // the message says what was so when it was sent
		a.Edit = a.phase()
	}
	if !current {
		return
	}
	g.Reached = g.Reached || len(in.Receipts) > 0
	g.To = slices.DeleteFunc(g.To, func(id string) bool { return id == in.To })
	if len(g.To) > 0 {
		return
	}
	a.Gathering = nil
	if a.Unreached = !g.Reached; a.Unreached {
		s.reachedNobody(now, a)
	}
}

// Withdraw takes back what waits in inboxes although nobody needs it any more:
// somebody answered, it is over, or it is for others now. It gives each alert as it stood.
func (s *State) Withdraw() []Alert {
	var out []Alert
	for i := range s.Alerts {
		if a := &s.Alerts[i]; a.Gathering != nil && (!a.Open() || a.quieted() || a.Handed) {
			out = append(out, *a)
			a.Gathering = nil
		}
	}
	return out
}
