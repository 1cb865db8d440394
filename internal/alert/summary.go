package alert

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Summary tells somebody at once of many certificates: those that were enrolled
// together and end soon, or those whose alerts came together. It is a notice that
// is about none of them alone.
type Summary struct {
	Whole int        `json:"whole"`          // how many there are; Rows may list fewer
	Open  int        `json:"open,omitempty"` // Gathered: how many are not resolved
	Rows  []Standing `json:"rows"`           // the most urgent first
}

// MaxStanding is how many rows of a summary are shown.
const MaxStanding = 40

// Standing is one certificate of a summary.
type Standing struct {
	Certificate string    `json:"certificate"`
	Severity    Severity  `json:"severity"`
	NotAfter    time.Time `json:"notAfter"`
	Alone       bool      `json:"alone,omitempty"` // so urgent that it is told by itself as well
	// Of an alert that is told with others: which, and how it stands.
	Alert  string `json:"alert,omitempty"`
	Reason Reason `json:"reason,omitempty"`
	Phase  Phase  `json:"phase,omitempty"`
	Seen   string `json:"seen,omitempty"` // Notice.Standing when it was told
	By     string `json:"by,omitempty"`   // who answered
}

// digestMark begins the IDs of messages about many alerts. No certificate can be
// called so.
const digestMark = "inbox:"

// DigestID names a message to somebody about several alerts.
func DigestID(to, number string) string { return digestMark + to + "/" + number }

// ParseDigestID gives to whom it went; false if it is no such ID.
func ParseDigestID(id string) (to string, ok bool) {
	rest, ours := strings.CutPrefix(id, digestMark)
	to, _, numbered := strings.Cut(rest, "/")
	return to, ours && numbered && to != ""
}

// Answerable reports whether somebody may still take it.
func (s Standing) Answerable() bool {
	return s.Alert != "" && (s.Phase == Firing || s.Phase == Changed)
}

// OpenFirst orders what is unresolved before the rest, and keeps the order else.
func OpenFirst(a, b Standing) int {
	switch done := func(s Standing) bool { return s.Phase == Resolved }; {
	case done(a) && !done(b):
		return 1
	case done(b) && !done(a):
		return -1
	}
	return 0
}

// MoreUrgent orders the rows of a summary: what ends first comes first.
func MoreUrgent(a, b Standing) int {
	if c := a.NotAfter.Compare(b.NotAfter); c != 0 {
		return c
	}
	return strings.Compare(a.Certificate, b.Certificate)
}

// ByUrgency orders a whole fleet: the severest first, then what ends first; what
// was never seen comes last.
func ByUrgency(a, b Standing) int {
	switch {
	case a.Severity.MoreUrgentThan(b.Severity):
		return -1
	case b.Severity.MoreUrgentThan(a.Severity):
		return 1
	case a.NotAfter.IsZero() != b.NotAfter.IsZero():
		if a.NotAfter.IsZero() {
			return 1
		}
		return -1
	}
	return MoreUrgent(a, b)
}

// summary tells a notice that sums up.
func (r reader) summary(n Notice) Text {
	if n.Reason == Gathered {
		return r.digest(n)
	}
	t := Text{
		Lines: []Line{}, Link: n.Link, LinkLabel: r.say("label.link"), Buttons: map[Action]string{}, Footer: r.say("footer.summary", "id", n.AlertID),
		NextAction: r.say("summary.next"), Advice: r.say("summary.advice"),
		Commands: List{r.say("title.commands"), n.Commands}, Standing: List{Title: r.say("title.standing")},
	}
	key := "summary.headline"
	if n.Summary.Whole == 1 {
		key += ".one"
	}
	if len(n.Summary.Rows) > 0 {
		first := n.Summary.Rows[0]
		t.Headline = r.say(key, "n", strconv.Itoa(n.Summary.Whole), "certificate", first.Certificate, "expiry", r.expiry("expiry", cert.Version{NotAfter: first.NotAfter}, n.At))
	}
	t.Subject = r.say("subject.summary", "headline", t.Headline)
	for _, l := range []Line{{"owner", n.Owner}, {"team", n.Team}} {
		if l.Value != "" {
			t.Lines = append(t.Lines, Line{r.say("label." + l.Label), l.Value})
		}
	}
	shown := n.Summary.Rows[:min(MaxStanding, len(n.Summary.Rows))]
	for _, s := range shown {
		key := "standing"
		if s.Alone {
			key += ".alone"
		}
		t.Standing.Items = append(t.Standing.Items, r.say(key, "certificate", s.Certificate, "severity", string(s.Severity),
			"short", r.expiry("short", cert.Version{NotAfter: s.NotAfter}, n.At), "time", r.both(s.NotAfter)))
	}
	if more := n.Summary.Whole - len(shown); more > 0 {
		t.Standing.Items = append(t.Standing.Items, r.say("more", "n", strconv.Itoa(more)))
	}
	return t
}

// cleaned copies a summary with every text in it safe to show.
func (s *Summary) cleaned() *Summary {
	if s == nil {
		return nil
	}
	out := Summary{Whole: s.Whole, Open: s.Open, Rows: slices.Clone(s.Rows)}
	for i := range out.Rows {
		row := &out.Rows[i]
		row.Certificate, row.Severity = Clean(row.Certificate), Severity(Clean(string(row.Severity)))
		row.Alert, row.Reason, row.Phase, row.By = Clean(row.Alert), Reason(Clean(string(row.Reason))), Phase(Clean(string(row.Phase))), Clean(row.By)
		row.Seen = Clean(row.Seen)
	}
	return &out
}
