package page

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// waiting is the screen of what waits for people: approvals and handovers.
type waiting struct {
	frame
	Questions []openQuestion
	Handovers []openHandover
	Missing   []string // what could not be asked, in words
}

// openQuestion is what waits for approval, and what the reader can do about it.
type openQuestion struct {
	choosing
	Name  string
	Facts []alert.Line
	Alert string // ID of the alert that asks
}

// openHandover is what somebody leaves behind.
type openHandover struct {
	choosing
	Person string
	Facts  []alert.Line
}

// choosing is a choice of two, as far as the reader has it.
type choosing struct {
	Headline, Next string
	Since, Until   time.Time
	Seen           string
	Yes, No        bool
	Why            string // the reader cannot decide
	YesID, NoID    string
}

func (p *Page) waiting(w http.ResponseWriter, r *http.Request, in session) {
	p.showWaiting(w, r, in, http.StatusOK, "")
}

func (p *Page) showWaiting(w http.ResponseWriter, r *http.Request, in session, status int, trouble string) {
	f := p.frame(r, in, "")
	f.Title, f.Topic = f.R.T("waiting.title"), ""
	if trouble != "" {
		f.Said, f.Trouble, f.Back = trouble, true, p.base+"/waiting"
	}
	who := p.person(r, in).ID
	x := waiting{frame: f}
	x.Questions, x.Missing = p.questions(r.Context(), f.R, who)
	if p.Handovers != nil {
		ctx, cancel := context.WithTimeout(r.Context(), statusWithin)
		defer cancel()
		all, err := p.Handovers.Handovers(ctx)
		if err != nil {
			p.Log.Warn("page: handovers cannot be asked", "cause", err.Error())
			x.Missing = append(x.Missing, f.R.T("waiting.unasked"))
		}
		for _, s := range all {
			x.Handovers = append(x.Handovers, p.handoverOf(r.Context(), f.R, s, who))
		}
	}
	p.show(w, "waiting", status, x)
}

// questions are the open ones, the first to be decided by itself first.
func (p *Page) questions(ctx context.Context, r reader, who string) (out []openQuestion, missing []string) {
	var may []Row
	s := p.fleet.look(ctx)
	for _, row := range s.Rows {
		if slices.Contains(lifecycle.AskingStates, row.State) {
			may = append(may, row)
		}
	}
	if s.Err != nil {
		missing = append(missing, r.T("waiting.index"))
	}
	shown := may[:min(len(may), 10*maxDetailed)]
	said := p.fleet.details.of(ctx, shown)
	if n := len(may) - len(said); n > 0 {
		missing = append(missing, r.T("waiting.more", "n", strconv.Itoa(n)))
	}
	for _, row := range shown {
		if st, ok := said[row.Name]; ok && st.State.Approval.Asks(r.Now) {
			out = append(out, p.questionOf(r, st.State, who))
		}
	}
	slices.SortStableFunc(out, func(a, b openQuestion) int {
		if a.Until.IsZero() != b.Until.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.Until.IsZero()]
		}
		return a.Until.Compare(b.Until)
	})
	return out, missing
}

func (p *Page) questionOf(r reader, s lifecycle.State, who string) openQuestion {
	words, q := question(r, s), s.Approval
	o := openQuestion{Name: s.Spec.Name, Facts: words.Lines}
	o.choosing = choosing{Headline: words.Headline, Next: words.NextAction, Since: q.AskedAt, Until: workflows.Alone(r.Now, s).At, Seen: q.Standing(), YesID: newID(), NoID: newID()}
	for _, a := range s.Alerts {
		if a.Reason == alert.ApprovalNeeded && a.Open() {
			o.Alert = a.ID
		}
	}
	t := alert.Ticket{To: who, Action: alert.ActApprove, Ref: alert.Ref{Standing: q.Standing()}}
	no := t
	no.Action = alert.ActDeny
	o.choose(r, who, p.became(r, s, t), p.became(r, s, no))
	return o
}

// choose says what the reader may do, and why not.
func (c *choosing) choose(r reader, who string, yes, no *reply) {
	c.Yes, c.No = who != "" && yes == nil, who != "" && no == nil
	switch {
	case who == "":
		c.Why = r.T("said.nobody")
	case yes != nil:
		c.Why = yes.word(r)
	}
}

func (p *Page) handoverOf(ctx context.Context, r reader, s workflows.HandoverStatus, who string) openHandover {
	words := leaving(r, s, p.owned(ctx, s.Person))
	o := openHandover{Person: s.Person, Facts: words.Lines}
	o.choosing = choosing{Headline: words.Headline, Next: words.NextAction, Until: s.Until, Seen: s.Standing, YesID: newID(), NoID: newID()}
	if s.To != "" {
		o.Next = ""
	} else if s.Asked != "" {
		o.Facts = append(o.Facts, alert.Line{Label: r.T("waiting.asked"), Value: alert.Clean(s.Asked)})
	}
	t := alert.Ticket{To: who, Action: alert.ActAccept, Ref: alert.Ref{Standing: s.Standing}}
	no := t
	no.Action = alert.ActDecline
	o.choose(r, who, settled(s, t), settled(s, no))
	return o
}

// done are what is said of a word that was taken.
var done = map[alert.Action]string{alert.ActApprove: "approved", alert.ActDeny: "denied", alert.ActAccept: "accepted", alert.ActDecline: "declined"}

// decideHere takes a word that was given on the screen of what waits.
func (p *Page) decideHere(w http.ResponseWriter, r *http.Request, in session) {
	name, req, bad := p.request(r, in)
	verb, seen := alert.Action(r.PathValue("verb")), r.PostForm.Get("seen")
	decision := workflows.DecideRequest{Request: req, Alert: r.PostForm.Get("alert"), Question: seen}
	var do func(context.Context) error
	switch {
	case verb == alert.ActApprove:
		do = func(ctx context.Context) error { return p.Certificates.Approve(ctx, name, decision) }
	case verb == alert.ActDeny:
		if bad == nil && req.Note == "" {
			bad = refusal(http.StatusUnprocessableEntity, "said.reason")
		}
		do = func(ctx context.Context) error { return p.Certificates.Deny(ctx, name, decision) }
	case p.Handovers != nil && (verb == alert.ActAccept || verb == alert.ActDecline):
		answer := workflows.HandoverAnswerRequest{Request: req, Accept: verb == alert.ActAccept, Seen: seen}
		do = func(ctx context.Context) error { return p.Handovers.AnswerHandover(ctx, name, answer) }
	default:
		p.explain(w, r, in, http.StatusNotFound, "said.nothing")
		return
	}
	if bad == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptWithin)
		defer cancel()
		err := do(ctx)
		if err == nil {
			p.fleet.stale()
			p.fleet.details.stale(name)
			http.Redirect(w, r, p.base+"/waiting?said="+done[verb], http.StatusSeeOther)
			return
		}
		p.Log.Info("page: not taken", "about", name, "verb", string(verb), "person", req.By, "cause", err.Error())
		p.fleet.details.stale(name)
		if bad = p.why(err); bad == nil {
			bad = refusal(http.StatusNotFound, "link.gone")
		}
	}
	p.showWaiting(w, r, in, bad.status, bad.word(p.reader(r, in)))
}

// choiceView is what the layout of a choice is given.
type choiceView struct {
	R                       reader
	Base, Form, Name, Alert string
	Yes, No                 alert.Action
	YesWord, NoWord         string
	C                       choosing
	Facts                   []alert.Line
}

func (x waiting) view(name string, yes, no alert.Action, c choosing, facts []alert.Line) choiceView {
	return choiceView{
		R: x.R, Base: x.Base, Form: x.Form, Name: name, Yes: yes, No: no, C: c, Facts: facts,
		YesWord: x.R.T("link.do." + string(yes)), NoWord: x.R.T("link.do." + string(no)),
	}
}

// Question lays out what waits for approval.
func (x waiting) Question(q openQuestion) choiceView {
	v := x.view(q.Name, alert.ActApprove, alert.ActDeny, q.choosing, q.Facts)
	v.Alert = q.Alert
	return v
}

// Handover lays out what somebody leaves behind.
func (x waiting) Handover(h openHandover) choiceView {
	return x.view(h.Person, alert.ActAccept, alert.ActDecline, h.choosing, h.Facts)
}
