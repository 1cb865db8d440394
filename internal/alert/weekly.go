package alert

import (
	"slices"
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Weekly tells a team how its certificates did and what comes.
type Weekly struct {
	Team         string       `json:"team"` // its name
	From         time.Time    `json:"from"`
	To           time.Time    `json:"to"`
	Certificates int          `json:"certificates"` // how many it has
	Renewed      WeeklyList   `json:"renewed,omitzero"`
	Coming       WeeklyList   `json:"coming,omitzero"`  // what ends, or is renewed, in the next days
	Unowned      WeeklyList   `json:"unowned,omitzero"` // nobody answers for them
	Weak         WeeklyList   `json:"weak,omitzero"`
	Failed       WeeklyList   `json:"failed,omitzero"` // attempts that failed, and alerts that are open
	Answered     []WeeklyWord `json:"answered,omitempty"`
}

// WeeklyList is one part of it; Rows may list fewer than there are.
type WeeklyList struct {
	Whole int         `json:"whole,omitempty"`
	Rows  []WeeklyRow `json:"rows,omitempty"`
}

// Add takes a row in, as long as there is room for it.
func (l *WeeklyList) Add(r WeeklyRow) {
	if l.Whole++; len(l.Rows) < maxWeekly {
		l.Rows = append(l.Rows, r)
	}
}

// maxWeekly is how many rows of a part are kept.
const maxWeekly = 20

// WeeklyRow is one certificate.
type WeeklyRow struct {
	Certificate string    `json:"certificate"`
	At          time.Time `json:"at,omitzero"`        // when it ends
	RenewAt     time.Time `json:"renewAt,omitzero"`   // when something is done about it; zero: nothing by itself
	Severity    Severity  `json:"severity,omitempty"` // of its open alert
	Count       int       `json:"count,omitempty"`    // of failed attempts
	What        string    `json:"what,omitempty"`     // last error, algorithm of the key, owner who is not there
}

// WeeklyWord is what one person answered.
type WeeklyWord struct {
	By           string `json:"by"`
	Acknowledged int    `json:"acknowledged,omitempty"`
	Snoozed      int    `json:"snoozed,omitempty"`
}

// Quiet reports whether there is nothing to tell.
func (w Weekly) Quiet() bool {
	return w.Renewed.Whole+w.Coming.Whole+w.Unowned.Whole+w.Weak.Whole+w.Failed.Whole+len(w.Answered) == 0
}

// weekly tells a team's week.
func (r reader) weekly(n Notice) Text {
	w := n.Weekly
	t := Text{Lines: []Line{}, Link: n.Link, LinkLabel: r.say("label.link"), Buttons: map[Action]string{}, Footer: r.say("footer.weekly", "from", r.both(w.From), "to", r.both(w.To))}
	t.Headline = r.weeklyHeadline(w)
	t.Subject = r.say("subject.weekly", "headline", t.Headline)
	for _, p := range []struct {
		key  string
		list WeeklyList
	}{{"failed", w.Failed}, {"coming", w.Coming}, {"unowned", w.Unowned}, {"weak", w.Weak}, {"renewed", w.Renewed}} {
		l := List{Title: r.say("weekly."+p.key, "n", strconv.Itoa(p.list.Whole))}
		for _, row := range p.list.Rows {
			l.Items = append(l.Items, r.weeklyRow(p.key, row, n.At))
		}
		if more := p.list.Whole - len(p.list.Rows); more > 0 {
			l.Items = append(l.Items, r.say("more", "n", strconv.Itoa(more)))
		}
		t.Sections = append(t.Sections, l)
	}
	answered := List{Title: r.say("weekly.answered")}
	for _, a := range w.Answered {
		answered.Items = append(answered.Items, r.say("weekly.answered.row", "who", a.By, "acknowledged", strconv.Itoa(a.Acknowledged), "snoozed", strconv.Itoa(a.Snoozed)))
	}
	t.Sections = append(t.Sections, answered)
	t.Commands = List{r.say("title.commands"), n.Commands}
	return t
}

func (r reader) weeklyHeadline(w *Weekly) string {
	key := "weekly.headline"
	if w.Quiet() {
		key = "weekly.quiet"
	}
	return r.say(key, "team", w.Team, "n", strconv.Itoa(w.Certificates), "renewed", strconv.Itoa(w.Renewed.Whole), "coming", strconv.Itoa(w.Coming.Whole), "failed", strconv.Itoa(w.Failed.Whole))
}

func (r reader) weeklyRow(part string, row WeeklyRow, at time.Time) string {
	key := "weekly." + part + ".row"
	switch {
	case part == "coming" && row.RenewAt.IsZero():
		key += ".byhand"
	case part == "failed" && row.Count == 0:
		key += ".alert"
	case part == "failed" && row.Severity != "":
		key += ".open"
	case part == "unowned" && row.What != "":
		key += ".gone"
	}
	return r.say(key, "certificate", row.Certificate, "short", r.expiry("short", cert.Version{NotAfter: row.At}, at), "time", r.both(row.At), "next", r.both(row.RenewAt),
		"severity", string(row.Severity), "n", strconv.Itoa(row.Count), "what", row.What)
}

// cleaned copies it with every text in it safe to show.
func (w *Weekly) cleaned() *Weekly {
	if w == nil {
		return nil
	}
	out := *w
	out.Team = Clean(w.Team)
	for _, l := range []*WeeklyList{&out.Renewed, &out.Coming, &out.Unowned, &out.Weak, &out.Failed} {
		l.Rows = slices.Clone(l.Rows)
		for i := range l.Rows {
			row := &l.Rows[i]
			row.Certificate, row.What, row.Severity = Clean(row.Certificate), Clean(row.What), Severity(Clean(string(row.Severity)))
		}
	}
	out.Answered = slices.Clone(w.Answered)
	for i := range out.Answered {
		out.Answered[i].By = Clean(out.Answered[i].By)
	}
	return &out
}
