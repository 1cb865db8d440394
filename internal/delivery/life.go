package delivery

import "time"

// Plan says how a channel proves that somebody reads it.
type Plan struct {
	Every  time.Duration `json:"every"`        // zero: it need not
	Within time.Duration `json:"within"`       // that somebody has to answer in
	To     string        `json:"to,omitempty"` // person or team; empty: who is on call in the catch-all team
}

// Life is the proof that somebody reads a channel: now and then a message that
// needs one click.
type Life struct {
	NextAt     time.Time `json:"nextAt,omitzero"`
	Asked      int       `json:"asked,omitempty"` // counts the messages
	AskedAt    time.Time `json:"askedAt,omitzero"`
	DueAt      time.Time `json:"dueAt,omitzero"` // an answer is awaited until then
	AnsweredAt time.Time `json:"answeredAt,omitzero"`
	By         string    `json:"by,omitempty"`
	Via        string    `json:"via,omitempty"`
	Doubtful   bool      `json:"doubtful,omitempty"`  // nobody answered in time
	Unreached  string    `json:"unreached,omitempty"` // why nobody could be asked
}

// Planned takes in what is configured.
func (l *Life) Planned(now time.Time, p Plan) {
	if p.Every == 0 {
		l.NextAt, l.DueAt = time.Time{}, time.Time{}
		return
	}
	if latest := now.Add(p.Every); l.NextAt.IsZero() || l.NextAt.After(latest) {
		l.NextAt = latest
	}
}

// AskDue reports whether somebody is to be asked now, and plans the next time.
func (l *Life) AskDue(now time.Time, p Plan) bool {
	if p.Every == 0 || l.NextAt.IsZero() || now.Before(l.NextAt) {
		return false
	}
	l.Asked++
	l.AskedAt, l.NextAt, l.DueAt, l.Unreached = now, now.Add(p.Every), now.Add(p.Within), ""
	return true
}

// Unasked takes in that nobody could be asked: that is trouble of the channel or
// of the directory, and no silence.
func (l *Life) Unasked(why string) { l.DueAt, l.Unreached = time.Time{}, why }

// Overdue reports, once, that nobody answered in time.
func (l *Life) Overdue(now time.Time) bool {
	if l.DueAt.IsZero() || now.Before(l.DueAt) {
		return false
	}
	l.DueAt, l.Doubtful = time.Time{}, true
	return true
}

// Answered takes in that somebody has read a message of the channel.
func (l *Life) Answered(now time.Time, by, via string) {
	l.AnsweredAt, l.By, l.Via, l.DueAt, l.Doubtful, l.Unreached = now, by, via, time.Time{}, false, ""
}
