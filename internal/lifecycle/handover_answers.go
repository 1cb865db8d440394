package lifecycle

import (
	"slices"
	"strings"
)

// HandoverGround is why a handover ended as it did.
type HandoverGround string

// The grounds.
const (
	HandoverBack       HandoverGround = "back"       // who left is in the directory again
	HandoverReached    HandoverGround = "reached"    // who could not be told can be again
	HandoverNothing    HandoverGround = "nothing"    // they own no certificate
	HandoverAccepted   HandoverGround = "accepted"   // somebody takes over
	HandoverDeclined   HandoverGround = "declined"   // nobody of the line does
	HandoverUnanswered HandoverGround = "unanswered" // nobody answered in time
)

// HandoverAnswered is the word of somebody who is asked.
type HandoverAnswered struct {
	ID     string // of the request
	By     string
	Accept bool
	Seen   string // Standing of the handover that the person was asked about; empty: whichever it is
}

// Counted reports whether an answer was counted before.
func (h *Handover) Counted(id string) bool { return id != "" && slices.Contains(h.counted, id) }

// CheckAnswer tells why an answer cannot be taken. Anybody in the line may
// accept; only who is asked may decline. what words how it was decided already.
func (h *Handover) CheckAnswer(in HandoverAnswered, what string) error {
	switch {
	case h.Counted(in.ID):
		return nil
	case in.Seen != "" && in.Seen != h.Standing:
		return refuse("that was about an earlier handover of %s; look again", h.Person)
	case h.To != "":
		return refuse("%s gets what %s leaves behind already: %s", h.To, h.Person, what)
	case h.Asked == "":
		return refuse("nobody is asked yet; the handover of %s has just begun", h.Person)
	case in.Accept && !slices.Contains(h.May, in.By):
		return refuse("%s may not accept what %s leaves behind; %s may", in.By, h.Person, h.may())
	case !in.Accept && in.By != h.Asked:
		return refuse("%s is asked, not %s", h.Asked, in.By)
	}
	return nil
}

func (h *Handover) may() string {
	if len(h.May) == 0 {
		return "nobody"
	}
	return strings.Join(h.May, ", ")
}

// Answer counts an answer that was checked, and reports whether it was new.
func (h *Handover) Answer(in HandoverAnswered) bool {
	if h.Counted(in.ID) {
		return false
	}
	h.counted = append(h.counted, in.ID)
	h.Changes++
	if in.Accept {
		h.Accepted, h.To = in.By, in.By
		return true
	}
	h.Line, h.Asked = without(h.Line, []string{in.By}), ""
	return true
}

// Settle says who gets everything once nobody is asked any more, and why: whoever
// accepted, else who is first in line, else the catch-all team alone.
func (h *Handover) Settle() HandoverGround {
	switch {
	case h.Accepted != "":
		return HandoverAccepted
	case h.Over() != "":
		return h.Over()
	}
	person, team := h.Falls()
	if h.To = person; person == "" {
		h.To = "team " + team
	}
	if len(h.Line) == 0 {
		return HandoverDeclined
	}
	return HandoverUnanswered
}
