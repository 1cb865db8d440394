package page

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// statusWithin is how long a certificate may take to speak: Temporal looks for a
// worker that was killed for ten seconds before it asks another.
const statusWithin = 15 * time.Second

// certificate is the screen of one.
type certificate struct {
	frame
	Name     string
	State    string // as searched for
	Word     string
	Severity string
	Left     string
	Kind     string
	Facts    []fact
	Life     *life
	Alerts   []alertView
	Check    checkForm
	UnderWay []string
	Next     *due
	Then     []due
	Grounds  []string
	Places   []place
	Targets  []targetView
	Rollout  *rolloutView
	LookedAt time.Time
	Versions []versionView
	Unread   []string // versions that the store could not give
	Moves    []moveView
	Own      ownership
	History  history
	Temporal string
	Gone     string // why nothing but the history is shown
}

// fact is one line about the certificate.
type fact struct {
	Label string
	Value any
}

// due is something that will happen.
type due struct {
	At        time.Time
	What, Why string
}

func (p *Page) certificate(w http.ResponseWriter, r *http.Request, in session) {
	name := r.PathValue("name")
	if cert.ValidateName(name) != nil {
		p.explain(w, r, in, http.StatusNotFound, "said.nothing")
		return
	}
	p.showCertificate(w, r, in, name, http.StatusOK, nil)
}

// showCertificate shows a certificate; adjust says what came of what the reader did.
func (p *Page) showCertificate(w http.ResponseWriter, r *http.Request, in session, name string, status int, adjust func(*certificate, workflows.Status)) {
	f := p.frame(r, in, name)
	f.Topic = name
	if r.Method != http.MethodGet {
		f.Back = Link(p.base, name)
	}
	asking, cancel := context.WithTimeout(r.Context(), statusWithin)
	defer cancel()
	s, err := p.Certificates.Status(asking, name)
	c := certificate{frame: f, Name: name, History: p.history(r, f.R, name, s.Unread)}
	if p.HistoryURL != nil {
		c.Temporal = p.HistoryURL(name)
	}
	switch {
	case errors.Is(err, workflows.ErrNotEnrolled):
		c.Gone, status, c.Topic = f.R.T("gone.lead"), http.StatusNotFound, "-"
		c.Title = f.R.T("gone.title", "certificate", name)
	case err != nil:
		p.Log.Warn("page: a certificate does not answer", "certificate", name, "cause", err.Error())
		c.Gone, status = f.R.T("away.lead"), http.StatusServiceUnavailable
		c.Title = f.R.T("away.title", "certificate", name)
	default:
		c.fill(s)
		c.Own = p.ownership(f.R, s.State.Spec)
		c.Versions, c.Unread = p.versions(r.Context(), f.R, s.State)
	}
	if adjust != nil {
		adjust(&c, s)
	}
	p.show(w, "certificate", status, c)
}

// fill says everything that the certificate itself knows.
func (c *certificate) fill(s workflows.Status) {
	r, st := c.R, s.State
	c.State, c.Severity = s.Summary.State, s.Summary.Severity
	c.Word, c.Left = r.State(c.State), r.Left(st.Live.NotAfter)
	c.Kind = r.T("kind.watched")
	if st.Spec.Managed {
		c.Kind = r.T("kind.managed", "ca", alert.Clean(strings.Join(st.Spec.CAs(), " → ")))
	}
	c.Facts = facts(r, s)
	c.Life = lifeOf(r, s)
	for _, a := range st.Alerts {
		if a.Open() {
			c.Alerts = append(c.Alerts, alertOf(r, s, a))
		}
	}
	slices.SortStableFunc(c.Alerts, func(a, b alertView) int {
		if a.Severity.MoreUrgentThan(b.Severity) {
			return -1
		}
		if b.Severity.MoreUrgentThan(a.Severity) {
			return 1
		}
		return 0
	})
	c.Check = checkForm{ID: newID()}
	for _, fl := range st.Flights {
		c.UnderWay = append(c.UnderWay, r.or("flight."+string(fl.Kind), "record.other", "kind", alert.Clean(string(fl.Kind))))
	}
	for i, e := range s.Upcoming {
		d := due{At: e.At, What: event(r, e, s)}
		if key := "because." + string(e.Reason); r.words.Has(key) {
			d.Why = r.T(key)
		}
		if i == 0 {
			c.Next = &d
		} else if i <= 8 {
			c.Then = append(c.Then, d)
		}
	}
	c.Grounds = grounds(r, st)
	c.Places, c.Targets, c.LookedAt = places(r, st), targets(r, st), st.Sight.At
	c.Rollout = rolloutOf(r, s)
	c.Moves = moves(r, st)
}

func facts(r reader, s workflows.Status) []fact {
	st, spec := s.State, s.State.Spec
	var out []fact
	add := func(key string, value any) {
		if value != "" {
			out = append(out, fact{r.T("fact." + key), value})
		}
	}
	when := func(key string, t time.Time) {
		if !t.IsZero() {
			add(key, r.When(t))
		}
	}
	when("ends", st.Live.NotAfter)
	if spec.Managed {
		when("renewal", s.Plan.RenewAt)
	}
	when("safe", s.Plan.LastSafe)
	if spec.Owner == "" && spec.Team == "" {
		add("owner", r.T("fact.nobody"))
	}
	add("owner", alert.Clean(spec.Owner))
	add("team", alert.Clean(spec.Team))
	add("environment", alert.Clean(spec.Environment))
	add("names", list(spec.Names, 12))
	add("issuer", alert.Clean(st.Live.Issuer))
	add("key", alert.Clean(st.Live.KeyAlgorithm))
	if spec.CSR != nil {
		add("kept-key", alert.Clean(spec.CSR.ShortKey()))
	}
	add("serial", alert.Clean(st.Live.Serial))
	add("policy", alert.Clean(spec.Policy.Name))
	when("enrolled", st.EnrolledAt)
	return out
}

// list joins what came from outside; of very many, the first few.
func list(all []string, most int) string {
	out := ""
	for i, s := range all {
		if i == most {
			return out + " … (+" + strconv.Itoa(len(all)-most) + ")"
		}
		if i > 0 {
			out += ", "
		}
		out += alert.Clean(s)
	}
	return out
}

// grounds says why a certificate is in its state.
func grounds(r reader, s lifecycle.State) []string {
	var out []string
	for _, g := range lifecycle.Grounds(r.Now, s) {
		reason := alert.Clean(string(g.Reason))
		out = append(out, r.or("ground."+string(g.Code), "ground.other", "code", string(g.Code), "at", r.Plain(g.At), "until", r.Plain(g.Until),
			"by", alert.Clean(g.By), "note", alert.Clean(g.Note), "reason", reason, "severity", string(g.Severity),
			"where", alert.Clean(g.Where), "cause", alert.Clean(g.Cause), "n", strconv.Itoa(g.N), "of", strconv.Itoa(g.Of)))
	}
	return out
}
