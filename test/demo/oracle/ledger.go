package oracle

import (
	"slices"
	"strings"
	"sync"
	"time"
)

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
	Outage  bool   // it is about a CA that is down, and so about every certificate that waits for it
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
