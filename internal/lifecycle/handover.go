package lifecycle

import (
	"slices"
	"time"
)

// Why a handover begins.
const (
	LeftDirectory = "removed from the directory"
	OutOfReach    = "no address of theirs works any more"
	SomebodySays  = "somebody says so"
)

// How long a receiver may have for an answer: AnswerWithin unless the
// configuration says otherwise, which may say nothing under LeastAnswer and
// nothing over MostAnswer.
const (
	AnswerWithin = 48 * time.Hour
	LeastAnswer  = time.Minute
	MostAnswer   = 30 * 24 * time.Hour
)

// hastened is how long somebody has at least where certificates end soon, and at
// most where one of them pages.
const hastened = time.Hour

// Leavings is what somebody leaves behind, as it was last seen, and who could
// look after it.
type Leavings struct {
	Here         bool      // the person stands in the directory
	Reached      bool      // and can be told
	Successors   []string  // who can be asked, the first first
	Named        bool      // whom somebody named can be asked, too
	CatchAll     string    // the team of last resort
	Certificates int       // how many there are
	Ends         time.Time // of the first to end; zero if that is not known
	Paging       bool      // one of them has an alert that pages
	NoTeam       bool      // one of them names no team
}

// Handover is the search for a new owner of what somebody leaves behind. The
// workflow of it keeps one and asks it what is next whenever it wakes.
type Handover struct {
	Person   string
	Cause    string
	Named    string        // whom somebody named; asked first
	Teams    []string      // that the person was in
	Within   time.Duration // for an answer, at most
	Left     Leavings
	Standing string // tells it from an earlier handover of the same person

	Line   []string  // who is asked, in this order; whoever declines drops out
	May    []string  // who may accept
	Asked  string    // who is asked now
	First  string    // of the line: gets everything without an answer; empty: the catch-all team does
	Remind time.Time // when whoever is asked is asked again
	Until  time.Time // when First gets everything
	again  bool      // was asked again

	Accepted string // by whom
	To       string // who gets everything
	counted  []string
	Changes  int // answers that were counted
}

// Over tells why there is nothing to hand over, or nothing any more; empty if there is.
func (h *Handover) Over() HandoverGround {
	switch {
	case h.Cause == LeftDirectory && h.Left.Here:
		return HandoverBack
	case h.Cause == OutOfReach && h.Left.Reached:
		return HandoverReached
	case h.Left.Certificates == 0 && h.To == "":
		return HandoverNothing
	}
	return ""
}

// Chain is the team to which alerts of what names no team go on; empty if there
// is none, or they lead somewhere already. With the owner gone nothing else would.
func (h *Handover) Chain() string {
	if !h.Left.NoTeam || len(h.Teams) == 0 || h.Left.Here {
		return ""
	}
	return h.Teams[0]
}

// Begin puts those who can be asked into a line and says until when they may answer.
func (h *Handover) Begin(now time.Time) {
	h.Line, h.May = slices.Clone(h.Left.Successors), slices.Clone(h.Left.Successors)
	if len(h.Line) > 0 {
		h.First = h.Line[0]
	}
	if h.Named != "" && h.Left.Named {
		h.Line = append([]string{h.Named}, without(h.Line, []string{h.Named})...)
		if !slices.Contains(h.May, h.Named) {
			h.May = append(h.May, h.Named)
		}
		if h.First == "" {
			h.First = h.Named
		}
	}
	h.Until = HandoverBy(now, h.Within, h.Left.Ends, h.Left.Paging).UTC()
	h.Remind = now.Add(h.Until.Sub(now) / 2)
}

// HandoverBy is until when a receiver may answer: within so long, but no more
// than a tenth of the time that is left to the first of the certificates, so that
// they have an owner before the next threshold. An alert that pages leaves an hour.
func HandoverBy(now time.Time, within time.Duration, first time.Time, paging bool) time.Time {
	left := within
	if !first.IsZero() {
		left = max(min(within, first.Sub(now)/10), min(within, hastened))
	}
	if paging {
		left = min(left, hastened)
	}
	return now.Add(left)
}

// HandoverStep is what is next: Ask one, tell again all of Tell, or neither, and
// then wait for an answer until Due. Decided ends the search.
type HandoverStep struct {
	Ask     string
	Tell    []string
	Due     time.Time
	Decided bool
}

// Next says what is next: the rules in their order, the first that fits counts.
func (h *Handover) Next(now time.Time) HandoverStep {
	switch {
	case len(h.Line) == 0, h.Accepted != "", !now.Before(h.Until), h.Over() != "":
		return HandoverStep{Decided: true}
	case h.Asked == "":
		h.Asked = h.Line[0]
		return HandoverStep{Ask: h.Asked}
	}
	return h.Rest(now)
}

// Rest says what is next while somebody is asked: nothing in the first half of
// the time, and then to ask again and to warn who gets everything otherwise.
func (h *Handover) Rest(now time.Time) HandoverStep {
	switch {
	case h.again:
		return HandoverStep{Due: h.Until}
	case now.Before(h.Remind):
		return HandoverStep{Due: h.Remind}
	}
	h.again = true
	step := HandoverStep{Tell: []string{h.Asked}, Due: h.Until}
	if h.First != "" && h.First != h.Asked {
		step.Tell = append(step.Tell, h.First)
	}
	return step
}

// Falls is who gets everything without an answer: a person, or the catch-all team alone.
func (h *Handover) Falls() (person, team string) {
	if h.First != "" {
		return h.First, ""
	}
	return "", h.Left.CatchAll
}
