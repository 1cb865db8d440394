// Package oracle judges the demo from outside. It knows what the stage asked
// for (which hosts are guarded, at which times left and by which ladder people
// are to be told) and what was seen: handshakes, the CA's ledger, and the
// messages as the stand-ins for Slack and mail received them. It never asks the
// product anything. From that alone it says how many alerts are lost, how many
// came twice, and how many certificates the CA issued too many.
//
// An alert is owed, and lost if it is not there when its time is over,
//
//  1. when a handshake still shows a certificate past one of its thresholds, or
//     past its end: every reader of the first rung must have a message about that
//     version. A managed certificate owes it only once its replacement is due,
//     and of several thresholds passed at once only the most urgent one does;
//  2. when the rung before was told, nobody answered and the certificate is still
//     served: every reader of the next rung, After later;
//  3. when a managed certificate's replacement has been due (by its calendar, or
//     because the stage asked) for Overdue, or the CA issued one Installing ago,
//     and handshakes still show the old one: somebody must have been told of it,
//     or that the CA it waits for is down.
//
// Each has a grace to arrive, counted from the moment at which the product could
// know: an enrolment, a look that the stage asked for, or the guard's LooksEvery.
// While the worker or the engine is dead nothing can be sent; a time that runs
// out then, or right after, is prolonged until Recovery after they are back. In
// the same way a CA that is away prolongs rule 3. A message that comes later than
// that is late, not lost.
//
// An alert came twice when one reader got the same deduplication key, or the
// same words in the same thread within a few seconds, by the same channel.
//
// A certificate is expected at the CA for each version whose replacement was due
// or asked for. A second one for the same version is one too many, and so is one
// that replaces what is neither due nor asked for and hardly older than itself,
// and one that nobody was shown within Grace without a reason to wait for it. (A
// renewal typed at the command line is not known here; it passes because the
// handshakes show its result.)
package oracle

import (
	"time"
)

// The times of the rules.
const (
	Overdue    = 6 * time.Minute  // a replacement that is due may take so long without a word
	Installing = 30 * time.Second // and one that is issued
	Recovery   = 60 * time.Second // after a process is back
	early      = 2 * time.Second  // what clocks and whole seconds may differ by
	echo       = 5 * time.Second  // the same words again within this are a repetition
	settled    = 30 * time.Second // a version shown for this long may be replaced by hand
	furtherOn  = 1000 * time.Hour // the deadline of what waits for a dead process
)

// Threshold is a time left, at most a part of the lifetime, that must not pass silently.
type Threshold struct {
	Left     time.Duration
	Part     int // one Part-th of the lifetime if that is less; 0: Left alone counts
	Severity string
}

func (t Threshold) of(lifetime time.Duration) time.Duration {
	if t.Part > 0 {
		return min(t.Left, lifetime/time.Duration(t.Part))
	}
	return t.Left
}

// Rung says who must be told, each of them, After the rung before.
type Rung struct {
	After   time.Duration
	Readers []string
}

// Guard is a certificate that was enrolled.
type Guard struct {
	Name, Host string
	Managed    bool
	RenewLeft  time.Duration // a managed one is due with so much left
	Thresholds []Threshold   // the longest first
	Ladders    map[string][]Rung
	LooksEvery time.Duration // what is changed by hand is noticed after this at the latest
}

// ladder gives the rungs for a severity. Where none is known anybody will do.
func (g Guard) ladder(severity string) []Rung {
	if l, ok := g.Ladders[severity]; ok {
		return l
	}
	return []Rung{{Readers: []string{Anybody}}}
}

// Anybody is the reader that every message has.
const Anybody = "anybody"

// Version is what a handshake showed.
type Version struct {
	Fingerprint         string // SHA-256 of the leaf, hex
	NotBefore, NotAfter time.Time
}
