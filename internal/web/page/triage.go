package page

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// Strays are the certificates that nobody enrolled, as the inventory knows them.
// Why something is not taken is a lifecycle.Refusal.
type Strays interface {
	Strays(ctx context.Context, q estate.TriageQuery) (estate.TriageList, error)
	// Triage keeps what somebody decided about one.
	Triage(ctx context.Context, order estate.TriageOrder) error
	// Enroll takes one in, and waits until it is admitted or refused.
	Enroll(ctx context.Context, in workflows.EnrollmentInput) error
	// Means are the CAs that can issue and the targets that can receive one that is renewed here.
	Means() (cas, targets []string)
}

// strays on one page, and places of one of them, that are shown.
const (
	perTriage     = 20
	placesOfStray = 5
)

// everyStray asks for those that are ignored, too.
const everyStray = "all"

// triage is the screen of what is out there and not enrolled.
type triage struct {
	frame
	Strays       []strayView
	N            int
	Text         string // looked for
	All          bool   // those that are ignored are listed, too
	Pages        pages
	More         string
	Unread       string
	Nobody       bool // the reader has not said who they are
	CAs, Targets []string
	Teams        []people.Team
	Earliest     string // date at which an ignoring may end
}

// strayView is one of them.
type strayView struct {
	estate.Stray
	Title, Short, Mark string
	State, Word        string
	Decided            string // by whom, until when, why
	Owner              string // who is to decide, or might own it
	Since              time.Time
	Places             []string
	More               string
	Wrong              []string
	Endpoints          string
	Why                string // the reader cannot decide
}

func (p *Page) triage(w http.ResponseWriter, r *http.Request, in session) {
	p.showTriage(w, r, in, http.StatusOK, "")
}

func (p *Page) showTriage(w http.ResponseWriter, r *http.Request, in session, status int, trouble string) {
	if p.Strays == nil {
		p.explain(w, r, in, http.StatusNotFound, "said.nothing")
		return
	}
	f := p.frame(r, in, "")
	f.Title = f.R.T("triage.title")
	if trouble != "" {
		f.Said, f.Trouble, f.Back = trouble, true, p.base+"/triage"
	}
	query := r.URL.Query()
	x := triage{frame: f, Nobody: f.Person.ID == "", Teams: p.Directory().Teams, All: query.Get("state") == everyStray}
	x.Text = strings.TrimSpace(query.Get("q"))
	x.Earliest = f.R.Now.In(f.R.Zone).AddDate(0, 0, 1).Format(time.DateOnly)
	x.CAs, x.Targets = p.Strays.Means()
	ctx, cancel := context.WithTimeout(r.Context(), statusWithin)
	defer cancel()
	got, err := p.Strays.Strays(ctx, estate.TriageQuery{All: x.All})
	if err != nil {
		p.Log.Warn("page: triage cannot be read", "cause", err.Error())
		x.Unread = f.R.T("triage.unread")
	}
	if got.More > 0 {
		x.More = f.R.T("triage.more", "n", strconv.Itoa(got.More))
	}
	found := slices.DeleteFunc(got.Strays, func(s estate.Stray) bool { return !mentions(s, x.Text) })
	x.N = len(found)
	from, to := 0, 0
	x.Pages, from, to = paged(f.R, "rest.page", query, len(found), perTriage)
	for _, s := range found[from:to] {
		x.Strays = append(x.Strays, p.strayOf(f.R, s, f.Person.ID))
	}
	p.show(w, "triage", status, x)
}

// mentions reports whether a stray has a text in its names, places, issuer or owner.
func mentions(s estate.Stray, text string) bool {
	text = strings.ToLower(text)
	has := func(in string) bool { return strings.Contains(strings.ToLower(in), text) }
	owner, _ := s.Owner()
	return text == "" || has(owner) || has(s.Record.Version.Issuer) || has(string(s.Record.Key)) || slices.ContainsFunc(s.Record.Version.Names, has) ||
		slices.ContainsFunc(s.Record.Places, func(p estate.Sighting) bool { return has(p.Name) || has(p.Host) })
}

func (p *Page) strayOf(r reader, s estate.Stray, who string) strayView {
	v := s.Record.Version
	x := strayView{Stray: s, Short: s.Record.Key.Short(), Mark: string(s.Record.Key), State: string(s.State), Word: r.T("triage.state." + string(s.State)), Title: r.T("triage.nameless")}
	if len(v.Names) > 0 {
		x.Title = strings.Join(v.Names[:min(len(v.Names), 3)], ", ")
	}
	if more := len(v.Names) - 3; more > 0 {
		x.Title += " +" + strconv.Itoa(more)
	}
	for i, place := range s.Record.Places {
		if first := place.First; x.Since.IsZero() || !first.IsZero() && first.Before(x.Since) {
			x.Since = first
		}
		if i < placesOfStray {
			x.Places = append(x.Places, place.Name)
		}
	}
	if more := len(s.Record.Places) - placesOfStray; more > 0 {
		x.More = r.T("triage.places.more", "n", strconv.Itoa(more))
	}
	for _, code := range s.Record.Faults() {
		x.Wrong = append(x.Wrong, string(code))
	}
	if owner, decided := s.Owner(); owner != "" && decided {
		x.Owner = alert.Clean(owner)
	} else if owner != "" {
		x.Owner = r.T("triage.maybe", "who", alert.Clean(owner))
	}
	switch d := s.Item.Ignored; {
	case s.State == estate.Ignored:
		x.Decided = r.T("triage.ignored", "who", alert.Clean(d.By), "time", r.Plain(d.Until), "why", alert.Clean(d.Reason))
	case s.State == estate.Assigned:
		x.Decided = r.T("triage.assigned", "who", alert.Clean(s.Item.Assigned.By), "time", r.Plain(s.Item.Assigned.At), "to", alert.Clean(s.Item.Assigned.Owner))
	}
	if s.Adoption == nil {
		x.Adoption = &estate.Adoption{}
	}
	var at []string
	for _, e := range x.Adoption.Endpoints {
		at = append(at, e.String())
	}
	x.Endpoints = strings.Join(at, ", ")
	if err := s.May(p.Directory(), who); err != nil && who != "" {
		x.Why = p.why(err).word(r)
	}
	return x
}

// strayForm is what the layout of one is given.
type strayForm struct {
	triage
	S strayView
	// Manage: it is renewed here, not only watched.
	Manage bool
}

// Of lays out one of them.
func (x triage) Of(s strayView) strayForm { return strayForm{triage: x, S: s} }

// Managed lays out the form by which it is renewed here.
func (f strayForm) Managed() strayForm {
	f.Manage = true
	return f
}

// Turn leads through the list.
func (x triage) Turn() turn {
	return turn{x.Pages, x.R.T("rest.previous"), x.R.T("rest.next"), "#strays"}
}

// decideStray takes what somebody decided about one: adopt, ignore or assign.
func (p *Page) decideStray(w http.ResponseWriter, r *http.Request, in session) {
	if p.Strays == nil {
		p.explain(w, r, in, http.StatusNotFound, "said.nothing")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptWithin)
	defer cancel()
	verb := r.PathValue("verb")
	to, bad, err := p.takeStray(ctx, r, in, verb)
	if bad == nil && err == nil {
		p.fleet.stale()
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	if err != nil {
		p.Log.Info("page: not taken", "about", alert.Clean(r.PostForm.Get("of")), "verb", alert.Clean(verb), "person", p.person(r, in).ID, "cause", err.Error())
		bad = p.why(err)
	}
	p.showTriage(w, r, in, bad.status, bad.word(p.reader(r, in)))
}

// takeStray does it, and gives where the reader is led then.
func (p *Page) takeStray(ctx context.Context, r *http.Request, in session, verb string) (to string, bad *reply, err error) {
	who, note := p.person(r, in), strings.TrimSpace(r.PostForm.Get("note"))
	switch {
	case verb != "adopt" && verb != "ignore" && verb != "assign":
		return "", refusal(http.StatusNotFound, "said.nothing"), nil
	case who.ID == "":
		return "", refusal(http.StatusUnprocessableEntity, "said.nobody"), nil
	case utf8.RuneCountInString(note) > maxNote || !utf8.ValidString(note):
		return "", refusal(http.StatusUnprocessableEntity, "said.long", "n", strconv.Itoa(maxNote)), nil
	}
	s, bad, err := p.stray(ctx, r.PostForm.Get("of"))
	if bad != nil || err != nil {
		return "", bad, err
	}
	if err := s.May(p.Directory(), who.ID); err != nil {
		return "", nil, err
	}
	if verb == "adopt" {
		in := workflows.EnrollmentInput{Within: acceptWithin}
		in.Adopts, in.By, in.Via = s.Record.Key, who.ID, p.via()
		return p.adopt(ctx, r.PostForm, s, in)
	}
	d := estate.Decision{By: who.ID, Via: p.via(), Reason: note, Owner: r.PostForm.Get("owner")}
	if verb == "ignore" {
		d.Owner = ""
		if d.Until, err = time.ParseInLocation(time.DateOnly, r.PostForm.Get("until"), p.reader(r, in).Zone); err != nil || !d.Until.After(p.Now()) {
			return "", refusal(http.StatusUnprocessableEntity, "said.until"), nil
		}
		if note == "" {
			return "", refusal(http.StatusUnprocessableEntity, "said.excuse"), nil
		}
		d.Until = d.Until.UTC()
	} else if d.Owner == "" {
		return "", refusal(http.StatusUnprocessableEntity, "said.receiver"), nil
	}
	return p.base + "/triage?said=" + map[string]string{"ignore": "ignored", "assign": "assigned"}[verb], nil, p.Strays.Triage(ctx, estate.TriageOrder{Of: string(s.Record.Key), Decision: d})
}

// stray finds the one that a form is about.
func (p *Page) stray(ctx context.Context, of string) (estate.Stray, *reply, error) {
	if of == "" {
		return estate.Stray{}, refusal(http.StatusNotFound, "said.nothing"), nil
	}
	got, err := p.Strays.Strays(ctx, estate.TriageQuery{Of: of, All: true})
	if err == nil && len(got.Strays) != 1 {
		return estate.Stray{}, refusal(http.StatusConflict, "said.settled"), nil
	}
	if err != nil {
		return estate.Stray{}, nil, err
	}
	return got.Strays[0], nil, nil
}

// adopt enrols one as the form says.
func (p *Page) adopt(ctx context.Context, form url.Values, s estate.Stray, in workflows.EnrollmentInput) (to string, bad *reply, err error) {
	v := s.Record.Version
	in.Name, in.Names, in.Owner, in.Team, in.Note = strings.TrimSpace(form.Get("name")), v.Names, form.Get("owner"), form.Get("team"), strings.TrimSpace(form.Get("note"))
	in.Lifetime = v.Lifetime()
	if cert.ValidateName(in.Name) != nil {
		return "", refusal(http.StatusUnprocessableEntity, "said.name"), nil
	}
	for _, text := range strings.FieldsFunc(form.Get("endpoints"), func(c rune) bool { return c == ',' || c == ' ' }) {
		e, err := cert.ParseEndpoint(text)
		if err != nil {
			return "", refusal(http.StatusUnprocessableEntity, "said.endpoint", "cause", alert.Clean(err.Error())), nil
		}
		in.Endpoints = append(in.Endpoints, e)
	}
	if in.Managed = form.Get("how") == "manage"; in.Managed {
		in.CA, in.Targets = form.Get("ca"), form["target"]
	} else if len(in.Endpoints) == 0 {
		return "", refusal(http.StatusUnprocessableEntity, "said.placeless"), nil
	}
	return Link(p.base, in.Name) + "?said=adopted", nil, p.Strays.Enroll(ctx, in)
}
