package oracle

import (
	"slices"
	"time"
)

// Count is the verdict at an instant.
type Count struct {
	Sent     int // messages received
	Owed     int // those that had to come
	Waiting  int // of those, not there while there is time
	Lost     int // of those, not there when the time was over
	Late     int // there, but later than allowed
	Twice    int // repetitions
	Issued   int // certificates at the CA
	Expected int // of those, with a reason
	Losses   []Owed
	Doubles  []Message
	Surplus  []string // fingerprints of certificates without a reason
}

// Well reports that nothing is lost, doubled or superfluous.
func (c Count) Well() bool { return c.Lost == 0 && c.Twice == 0 && c.Issued == c.Expected }

// Count judges what was taken down up to now.
func (l *Ledger) Count(now time.Time) Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := Count{Sent: len(l.messages), Issued: len(l.issued), Doubles: l.doubles(), Surplus: l.surplus(now)}
	for _, o := range l.owed(now) {
		c.Owed++
		switch {
		case o.Lost(now):
			c.Losses = append(c.Losses, o)
		case o.Received.IsZero():
			c.Waiting++
		case o.Received.After(o.Deadline):
			c.Late++
		}
	}
	c.Lost, c.Twice, c.Expected = len(c.Losses), len(c.Doubles), c.Issued-len(c.Surplus)
	return c
}

// doubles finds the messages that repeat an earlier one.
func (l *Ledger) doubles() []Message {
	var out []Message
	for i, m := range l.messages {
		if slices.ContainsFunc(l.messages[:i], func(e Message) bool {
			sameWords := m.Words != "" && e.Words == m.Words && m.At.Sub(e.At) < echo
			return e.By == m.By && e.Reader == m.Reader && (m.Key != "" && e.Key == m.Key || sameWords)
		}) {
			out = append(out, m)
		}
	}
	return out
}

// surplus finds the issued certificates that nothing asked for.
func (l *Ledger) surplus(now time.Time) []string {
	var out []string
	for _, i := range l.issued {
		if !l.expected(i, now) {
			out = append(out, i.fingerprint)
		}
	}
	return out
}

func (l *Ledger) expected(i issue, now time.Time) bool {
	g := slices.IndexFunc(l.guards, func(g enrolled) bool { return slices.Contains(i.names, g.Host) })
	if g < 0 {
		return now.Before(i.at.Add(l.grace)) // its enrolment may not be known yet
	}
	guard := l.guards[g]
	spans := l.spans[guard.Host]
	shown := slices.IndexFunc(spans, func(s span) bool { return s.Fingerprint == i.fingerprint })
	switch {
	case shown == 0:
		return true
	case shown > 0:
		before := spans[shown-1]
		byHand := before.until.Sub(before.from) >= settled
		return byHand || !l.due(guard, before, before.until).IsZero()
	}
	return now.Before(l.deadline(i.at)) || l.candidate(guard, i, now)
}

// candidate reports that a certificate nobody was shown is the first one issued
// for a version that is due and still served.
func (l *Ledger) candidate(g enrolled, i issue, now time.Time) bool {
	spans := l.spans[g.Host]
	if len(spans) == 0 {
		return false
	}
	served := spans[len(spans)-1]
	due := l.due(g, served, now)
	first := slices.IndexFunc(l.issued, func(o issue) bool { return slices.Contains(o.names, g.Host) && !o.at.Before(due.Add(-early)) })
	return !due.IsZero() && first >= 0 && l.issued[first].fingerprint == i.fingerprint
}
