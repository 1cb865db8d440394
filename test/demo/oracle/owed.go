package oracle

import (
	"fmt"
	"slices"
	"time"
)

// Owed is a message that must come, or has come.
type Owed struct {
	Name, Reader, Why string
	Deadline          time.Time
	Received          time.Time // zero: not yet
}

// Lost reports that it is not there and its time is over.
func (o Owed) Lost(now time.Time) bool { return o.Received.IsZero() && now.After(o.Deadline) }

// crossing is a threshold of a version, or its end.
type crossing struct {
	at       time.Time
	severity string
	why      string
}

func crossings(g Guard, v Version) []crossing {
	var out []crossing
	for _, t := range g.Thresholds {
		left := t.of(v.NotAfter.Sub(v.NotBefore))
		out = append(out, crossing{v.NotAfter.Add(-left), t.Severity, fmt.Sprintf("%s left", left.Truncate(time.Second))})
	}
	return append(out, crossing{v.NotAfter, "P1", "it has ended"})
}

// owed lists everything that is or was owed up to now.
func (l *Ledger) owed(now time.Time) []Owed {
	var out []Owed
	for _, g := range l.guards {
		for _, s := range l.spans[g.Host] {
			if !s.until.IsZero() && s.until.Before(g.at) {
				continue
			}
			all := crossings(g.Guard, s.Version)
			for i, c := range all {
				out = append(out, l.told(g, s, c, all[i+1:], now)...)
			}
			out = append(out, l.overdue(g, s, now)...)
		}
	}
	return out
}

// known is when the product could first know what a host serves.
func (l *Ledger) known(g enrolled, s span) time.Time {
	at := s.from.Add(g.LooksEvery)
	for _, looked := range l.looked[g.Name] {
		if !looked.Before(s.from) && looked.Before(at) {
			at = looked
		}
	}
	if s.from.Before(g.at) {
		at = g.at
	}
	return later(at, g.at)
}

// told lists what a crossing owes: the first rung, and those after it as long as
// nobody answers.
func (l *Ledger) told(g enrolled, s span, c crossing, after []crossing, now time.Time) []Owed {
	owed := later(c.at, l.known(g, s))
	if g.Managed {
		owed = later(owed, s.NotAfter.Add(-g.RenewLeft))
	}
	if now.Before(owed) || crossed(after, owed) {
		return nil
	}
	var out []Owed
	for i, rung := range g.ladder(c.severity) {
		if owed = owed.Add(rung.After); now.Before(owed) {
			return out
		}
		deadline := l.deadline(owed)
		void := !s.until.IsZero() && !s.until.After(deadline) || crossed(after, deadline) || i > 0 && l.hasAnswer(g.Name, c.at, deadline)
		var reached time.Time
		for _, reader := range rung.Readers {
			m, ok := l.first(g.Guard, s.Version, reader, c.at)
			if !ok && void {
				continue
			}
			out = append(out, Owed{Name: g.Name, Reader: reader, Why: c.why, Deadline: deadline, Received: m.At})
			if ok && (reached.IsZero() || m.At.Before(reached)) {
				reached = m.At
			}
		}
		if owed = reached; reached.IsZero() {
			return out
		}
	}
	return out
}

// crossed reports that a more urgent threshold was passed by then; what is owed
// is owed for that one.
func crossed(after []crossing, by time.Time) bool {
	return slices.ContainsFunc(after, func(a crossing) bool { return !a.at.After(by) })
}

// hasAnswer reports that somebody answered, so that the ladder goes no further.
func (l *Ledger) hasAnswer(name string, from, until time.Time) bool {
	return slices.ContainsFunc(l.answered[name], func(at time.Time) bool { return at.After(from) && at.Before(until) })
}

// due is when a version was first to be replaced; zero if never so far.
func (l *Ledger) due(g enrolled, s span, now time.Time) time.Time {
	if !g.Managed {
		return time.Time{}
	}
	var first time.Time
	consider := func(at time.Time) {
		if at = later(later(at, s.from), g.at); (s.until.IsZero() || !at.After(s.until)) && !at.After(now) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	consider(s.NotAfter.Add(-g.RenewLeft))
	for _, at := range l.asked[g.Name] {
		if !at.Before(s.from.Add(-early)) {
			consider(at)
		}
	}
	return first
}

// overdue is the word that is owed when a replacement does not come.
func (l *Ledger) overdue(g enrolled, s span, now time.Time) []Owed {
	due := l.due(g, s, now)
	if due.IsZero() {
		return nil
	}
	o := Owed{Name: g.Name, Reader: Anybody, Why: "its replacement is overdue", Deadline: l.deadline(due.Add(Overdue))}
	from := due
	for _, i := range l.issued {
		if i.at.After(due) && slices.Contains(i.names, g.Host) {
			o.Why = "its replacement was issued and is not served"
			from, o.Deadline = i.at, l.deadline(i.at.Add(Installing))
			break
		}
	}
	o.Deadline = prolonged(from, o.Deadline, l.away)
	m, ok := l.first(g.Guard, s.Version, Anybody, due)
	if !ok {
		m, ok = l.outage(due)
	}
	o.Received = m.At
	if !ok && (now.Before(o.Deadline) || !s.until.IsZero() && !s.until.After(o.Deadline)) {
		return nil // there is time left, or it came in time
	}
	return []Owed{o}
}

// outage finds the word that the CA is down, of an outage that lasted into a time.
func (l *Ledger) outage(into time.Time) (Message, bool) {
	for _, d := range l.away {
		if !d.until.IsZero() && d.until.Before(into) {
			continue
		}
		i := slices.IndexFunc(l.messages, func(m Message) bool { return m.Outage && m.Firing && !m.At.Before(d.from.Add(-early)) })
		if i >= 0 {
			return l.messages[i], true
		}
	}
	return Message{}, false
}
