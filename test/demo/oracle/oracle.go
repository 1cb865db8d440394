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
//     and handshakes still show the old one: somebody must have been told of it.
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
	"slices"
	"strings"
	"sync"
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

// Message is what a stand-in received.
type Message struct {
	At      time.Time
	By      string // slack, mail
	Reader  string // a person or a channel
	Key     string // by which the sender recognises it
	Words   string // all of it, with the thread
	Name    string // of the certificate that it is about
	Version string // beginning of the fingerprint that it is about
	Firing  bool   // it asks for something; false: it says that all is well again
}

// span is a version as long as a host served it.
type span struct {
	Version
	from, until time.Time // until is zero while it is served
}

type issue struct {
	fingerprint string
	names       []string
	at          time.Time
}

type downtime struct{ from, until time.Time }

// Ledger takes down what is seen. It may be used by several goroutines.
type Ledger struct {
	grace time.Duration

	mu       sync.Mutex
	guards   []enrolled
	spans    map[string][]span // by host
	messages []Message
	issued   []issue
	asked    map[string][]time.Time // renewals, by certificate
	looked   map[string][]time.Time
	answered map[string][]time.Time
	down     []downtime // of worker and engine
	away     []downtime // of the CA
}

type enrolled struct {
	Guard
	at time.Time
}

// New makes an empty one; an owed message has grace to arrive.
func New(grace time.Duration) *Ledger {
	return &Ledger{grace: grace, spans: map[string][]span{}, asked: map[string][]time.Time{}, looked: map[string][]time.Time{}, answered: map[string][]time.Time{}}
}

func (l *Ledger) note(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// Enrolled begins to guard a certificate.
func (l *Ledger) Enrolled(g Guard, at time.Time) {
	l.note(func() { l.guards = append(l.guards, enrolled{g, at}) })
}

// Served takes down what a handshake with a host showed.
func (l *Ledger) Served(host string, v Version, at time.Time) {
	l.note(func() {
		s := l.spans[host]
		if n := len(s); n > 0 {
			if s[n-1].Fingerprint == v.Fingerprint {
				return
			}
			s[n-1].until = at
		}
		l.spans[host] = append(s, span{Version: v, from: at})
	})
}

// Received takes down a message.
func (l *Ledger) Received(m Message) { l.note(func() { l.messages = append(l.messages, m) }) }

// Issued takes down an entry of the CA's ledger.
func (l *Ledger) Issued(fingerprint string, names []string, at time.Time) {
	l.note(func() { l.issued = append(l.issued, issue{fingerprint, names, at}) })
}

// Asked says that the stage, or a click that it sent, asked for a renewal.
func (l *Ledger) Asked(name string, at time.Time) {
	l.note(func() { l.asked[name] = append(l.asked[name], at) })
}

// Looked says that the product was told to look at what is served.
func (l *Ledger) Looked(name string, at time.Time) {
	l.note(func() { l.looked[name] = append(l.looked[name], at) })
}

// Answered says that somebody acknowledged or snoozed.
func (l *Ledger) Answered(name string, at time.Time) {
	l.note(func() { l.answered[name] = append(l.answered[name], at) })
}

// Down says that a process without which nothing is sent has died.
func (l *Ledger) Down(at time.Time) { l.note(func() { l.down = begin(l.down, at) }) }

// Up says that all of them run again.
func (l *Ledger) Up(at time.Time) { l.note(func() { end(l.down, at) }) }

// Away says that the CA cannot be reached.
func (l *Ledger) Away(at time.Time) { l.note(func() { l.away = begin(l.away, at) }) }

// Back says that the CA can be reached again.
func (l *Ledger) Back(at time.Time) { l.note(func() { end(l.away, at) }) }

func begin(d []downtime, at time.Time) []downtime {
	if n := len(d); n > 0 && d[n-1].until.IsZero() {
		return d
	}
	return append(d, downtime{from: at})
}

func end(d []downtime, at time.Time) {
	if n := len(d); n > 0 && d[n-1].until.IsZero() {
		d[n-1].until = at
	}
}

// deadline is when something owed at an instant must be there.
func (l *Ledger) deadline(owed time.Time) time.Time {
	return prolonged(owed, owed.Add(l.grace), l.down)
}

// prolonged moves the end of a time that outages cut short.
func prolonged(from, until time.Time, outages []downtime) time.Time {
	for _, d := range outages {
		switch {
		case d.from.After(until) || !d.until.IsZero() && d.until.Add(Recovery).Before(from):
		case d.until.IsZero():
			return until.Add(furtherOn)
		case d.until.Add(Recovery).After(until):
			until = d.until.Add(Recovery)
		}
	}
	return until
}

// first finds the first message that tells a reader about a version.
func (l *Ledger) first(g Guard, v Version, reader string, since time.Time) (Message, bool) {
	i := slices.IndexFunc(l.messages, func(m Message) bool {
		return m.Firing && m.Name == g.Name && !m.At.Before(since.Add(-early)) && (reader == Anybody || m.Reader == reader) &&
			(m.Version == "" || strings.HasPrefix(v.Fingerprint, m.Version))
	})
	if i < 0 {
		return Message{}, false
	}
	return l.messages[i], true
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
