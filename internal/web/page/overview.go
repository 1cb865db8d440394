package page

import (
	"net/http"
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// overview is the first screen.
type overview struct {
	frame
	Headline string
	Calm     bool // nobody has to do anything
	Empty    bool // nothing is guarded
	Stale    string
	Counts   []count
	Now      []concern
	NowMore  string
	Days     []day
	WeekMore string
	Rest     rest
	Lost     lost
}

// count is how many certificates are in a state.
type count struct {
	State, Word string // State is empty for a sum that is not a state
	N           int
}

// concern is a certificate that needs somebody.
type concern struct {
	Row
	Headline string // what is the matter
	Who      string // who has it, or that nobody has
	Taken    bool
	Advice   string
	Since    time.Time
}

func (p *Page) overview(w http.ResponseWriter, r *http.Request, in session) {
	s := p.fleet.look(r.Context())
	f := p.frame(r, in, "")
	o := overview{frame: f, Counts: counts(f.R, s), Rest: restOf(f.R, s, r.URL.Query())}
	o.Title, o.Topic, o.HomePage = f.R.T("overview.title"), "", true
	o.Lost = p.lostNow(r.Context(), f.R)
	open, week := s.open(), s.week(f.R.Now)
	shownOpen, shownWeek := open[:min(len(open), maxDetailed)], week[:min(len(week), maxDetailed)]
	said := p.fleet.details.of(r.Context(), append(shownOpen[:len(shownOpen):len(shownOpen)], shownWeek...))
	taken := 0
	for _, row := range open {
		c := concernOf(f.R, row, said)
		if c.Taken {
			taken++
		}
		if len(o.Now) < maxDetailed {
			o.Now = append(o.Now, c)
		}
	}
	if more := len(open) - len(o.Now); more > 0 {
		o.NowMore = f.R.T("now.more", "n", strconv.Itoa(more))
	}
	o.Days = agenda(f.R, shownWeek, said)
	if more := len(week) - len(shownWeek); more > 0 {
		o.WeekMore = f.R.T("week.more", "n", strconv.Itoa(more))
	}
	o.Headline, o.Calm = headline(f.R, len(open), taken)
	status := http.StatusOK
	switch {
	case s.Err != nil && s.At.IsZero():
		o.Stale, o.Headline, status = f.R.T("overview.unread", "cause", alert.Clean(s.Err.Error())), "", http.StatusServiceUnavailable
	case s.Err != nil:
		o.Stale = f.R.T("overview.stale", "time", f.R.Plain(s.At), "cause", alert.Clean(s.Err.Error()))
	case len(s.Rows) == 0:
		o.Empty, o.Headline = true, f.R.T("overview.none.title")
	}
	p.show(w, "overview", status, o)
}

// headline says in one sentence whether somebody has to do something.
func headline(r reader, open, taken int) (text string, calm bool) {
	waiting := open - taken
	switch {
	case open == 0:
		return r.T("overview.calm"), true
	case waiting == 0 && open == 1:
		return r.T("overview.taken.one"), true
	case waiting == 0:
		return r.T("overview.taken.many", "n", strconv.Itoa(open)), true
	case waiting == 1:
		return r.T("overview.one"), false
	}
	return r.T("overview.many", "n", strconv.Itoa(waiting)), false
}

func counts(r reader, s snapshot) []count {
	n, soon := map[string]int{}, 0
	for _, row := range s.Rows {
		n[row.State]++
		if !row.NotAfter.IsZero() && row.NotAfter.Before(r.Now.Add(30*24*time.Hour)) {
			soon++
		}
	}
	out := []count{{"", r.T("overview.guarded"), len(s.Rows)}, {"", r.T("overview.ends30"), soon}}
	for _, state := range []string{
		lifecycle.StateFiring, lifecycle.StateSpent, lifecycle.StateAcknowledged, lifecycle.StateRenewing, lifecycle.StateWaiting, lifecycle.StatePaused,
		lifecycle.StateNew, lifecycle.StateHealthy,
	} {
		if n[state] > 0 {
			out = append(out, count{state, r.State(state), n[state]})
		}
	}
	return out
}

// concernOf says what is the matter with a certificate. Until it has spoken for
// itself, its row has to do.
func concernOf(r reader, row Row, said map[string]workflows.Status) concern {
	c := concern{Row: row, Headline: r.State(row.State), Taken: row.State == lifecycle.StateAcknowledged}
	s, ok := said[row.Name]
	if !ok {
		return c
	}
	a := worst(s.State.Alerts)
	if a == nil {
		return c
	}
	text := rendered(r, s.State, *a)
	c.Headline, c.Advice, c.Since = text.Headline, text.Advice, a.FiredAt
	c.Who, c.Taken = whoHas(r, *a)
	return c
}

// worst is the open alert that matters most: unanswered before answered, then by severity.
func worst(alerts []lifecycle.Alert) *lifecycle.Alert {
	var out *lifecycle.Alert
	for i := range alerts {
		a := &alerts[i]
		if !a.Open() {
			continue
		}
		if out == nil || quiet(*out) && !quiet(*a) || quiet(*out) == quiet(*a) && a.Severity.MoreUrgentThan(out.Severity) {
			out = a
		}
	}
	return out
}

// quiet reports whether somebody has the alert, or put it off.
func quiet(a lifecycle.Alert) bool {
	return a.Status == lifecycle.Acknowledged || !a.SnoozedUntil.IsZero()
}

// whoHas says who has an alert, and whether anybody has.
func whoHas(r reader, a lifecycle.Alert) (text string, taken bool) {
	switch {
	case a.Answer == nil:
		return r.T("alert.nobody"), false
	case !a.SnoozedUntil.IsZero():
		return r.T("alert.snoozed", "who", alert.Clean(a.Answer.By), "time", r.Plain(a.SnoozedUntil)), true
	case a.Status == lifecycle.Acknowledged:
		return r.T("alert.has", "who", alert.Clean(a.Answer.By), "time", r.Plain(a.Answer.Until)), true
	}
	return r.T("alert.lapsed", "who", alert.Clean(a.Answer.By), "time", r.Plain(a.Answer.At)), false
}

// rendered is the alert in the words of its messages.
func rendered(r reader, s lifecycle.State, a lifecycle.Alert) alert.Text {
	n := alert.Notice{
		AlertID: a.ID, Phase: alert.Firing, Severity: a.Severity, Reason: a.Reason, Certificate: s.Spec.Name, Names: s.Spec.Names,
		Managed: s.Spec.Managed, Version: s.Live, At: r.Now, Cause: a.Cause,
	}
	if a.Version != s.Live.Fingerprint && s.Previous.Fingerprint == a.Version {
		n.Version = s.Previous
	}
	return alert.Render(n, r.Language, r.Zone.String())
}
