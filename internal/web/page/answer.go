package page

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// answerPath begins the addresses of links in messages.
const answerPath = "/answer/"

// AnswerLink is where a ticket is answered.
func AnswerLink(base, ticket string) string { return base + answerPath + url.PathEscape(ticket) }

// asking is the screen that asks before anything is done.
type asking struct {
	frame
	Name, Headline, Advice string
	As                     string // in whose name it is answered
	Verb                   string
	Action                 alert.Action
	RequestID, Self        string
	Note                   string
	Lasts, Quiets          []choice
	Teams                  []people.Team // to whom it can be given, beside People
	Facts                  []alert.Line  // of what waits for people
	Next                   string        // what happens if nobody decides
	Seen                   string        // standing of the question that is shown
	Reason                 bool          // the note is needed
	Page, PageWord         string        // of what it is about
	Listed                 []string      // the certificates of a message about many
	Ask                    bool          // there is something to answer
}

// byLink serves what a link in a message leads to. Its ticket is all that counts:
// who has it needs no session, and the page need not be served at all. To look
// changes nothing, for mail is read by machines first.
func (p *Page) byLink(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Robots-Tag", "noindex")
	if wait := p.limit.wait(r.RemoteAddr); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		p.close(w, r, alert.Ticket{}, http.StatusTooManyRequests, "link.slow")
		return
	}
	text, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), answerPath))
	ticket, bad := alert.Ticket{}, alert.ErrForged
	if err == nil && p.Ticket != nil {
		ticket, bad = p.Ticket(text)
	}
	switch {
	case errors.Is(bad, alert.ErrExpired):
		p.close(w, r, ticket, http.StatusGone, "link.expired")
	case bad != nil:
		p.limit.failed(r.RemoteAddr)
		p.Log.Warn("page: a link that is not one of ours", "from", r.RemoteAddr)
		p.close(w, r, alert.Ticket{}, http.StatusNotFound, "link.forged")
	case r.Method == http.MethodPost:
		p.answerLink(w, r, ticket, text)
	default:
		p.askLink(w, r, ticket, text, "", http.StatusOK)
	}
}

// linkReader reads in the language and zone of whom the message was sent to.
func (p *Page) linkReader(r *http.Request, t alert.Ticket) reader {
	out := p.reader(r, session{})
	if _, ok := p.words[t.Language]; ok {
		out.Language = t.Language
	}
	if z, err := time.LoadLocation(t.TimeZone); err == nil && t.TimeZone != "" {
		out.Zone = z
	}
	return out
}

func (p *Page) linkFrame(r *http.Request, t alert.Ticket) frame {
	f := p.frame(r, session{}, "Neverlapse")
	f.R, f.Form, f.Back, f.Said = p.linkReader(r, t), "", p.base+"/", ""
	return f
}

// close says why there is nothing to answer.
func (p *Page) close(w http.ResponseWriter, r *http.Request, t alert.Ticket, status int, key string, pairs ...string) {
	f := p.linkFrame(r, t)
	p.endLink(w, f, t, status, f.R.T(key, pairs...))
}

func (p *Page) endLink(w http.ResponseWriter, f frame, t alert.Ticket, status int, said string) {
	a := asking{frame: f, Name: t.Certificate}
	a.frame.Said, a.frame.Trouble = said, status >= http.StatusBadRequest
	if t.Certificate != "" {
		a.Page, a.PageWord = p.leads(f.R, t)
	}
	p.show(w, "answer", status, a)
}

// leads is where the reader sees more of what a link is about.
func (p *Page) leads(r reader, t alert.Ticket) (link, word string) {
	if ofHandover(t) {
		return p.base + "/?owner=" + url.QueryEscape(t.Certificate) + "#rest", r.T("link.page.owner", "person", alert.Clean(t.Certificate))
	}
	return Link(p.base, t.Certificate), r.T("link.page")
}

// standing gives the alert of a ticket, as far as it still can be answered by
// it; else it has told the reader what became of it.
func (p *Page) standing(w http.ResponseWriter, r *http.Request, t alert.Ticket) (lifecycle.State, lifecycle.Alert, bool) {
	s, ok := p.linkState(w, r, t)
	if !ok {
		return s, lifecycle.Alert{}, false
	}
	f, a := p.linkFrame(r, t), s.Alert(t.AlertID)
	switch {
	case a == nil:
		p.close(w, r, t, http.StatusGone, "link.gone")
	case !a.Open():
		p.close(w, r, t, http.StatusGone, "link.resolved", "time", f.R.Plain(a.ResolvedAt), "evidence", alert.Clean(a.Evidence))
	case a.Standing() == t.Standing:
		return s, *a, true
	case a.Answer != nil:
		who, _ := whoHas(f.R, *a)
		p.endLink(w, f, t, http.StatusConflict, who+" "+f.R.T("link.answered", "who", alert.Clean(a.Answer.By), "via", alert.Clean(a.Answer.Via), "time", f.R.Plain(a.Answer.At)))
	default:
		p.close(w, r, t, http.StatusConflict, "link.changed")
	}
	return s, lifecycle.Alert{}, false
}

// linkState asks the certificate of a ticket; else it has told the reader why not.
func (p *Page) linkState(w http.ResponseWriter, r *http.Request, t alert.Ticket) (lifecycle.State, bool) {
	ctx, cancel := context.WithTimeout(r.Context(), acceptWithin)
	defer cancel()
	s, err := p.Certificates.Status(ctx, t.Certificate)
	switch {
	case errors.Is(err, workflows.ErrNotEnrolled):
		p.close(w, r, t, http.StatusGone, "gone.title", "certificate", t.Certificate)
	case err != nil:
		p.close(w, r, t, http.StatusServiceUnavailable, "said.away")
	}
	return s.State, err == nil
}

// askLink shows what is the matter, and the one answer that the link is for.
func (p *Page) askLink(w http.ResponseWriter, r *http.Request, t alert.Ticket, text, trouble string, status int) {
	switch {
	case ofDigest(t):
		p.askDigest(w, r, t, text, trouble, status)
		return
	case ofChannel(t):
		p.askChannel(w, r, t, text)
		return
	case ofApproval(t):
		p.askDecision(w, r, t, text, trouble, status)
		return
	case ofHandover(t):
		p.askHandover(w, r, t, text, trouble, status)
		return
	}
	s, a, ok := p.standing(w, r, t)
	if !ok {
		return
	}
	f := p.linkFrame(r, t)
	words := rendered(f.R, s, a)
	f.Said, f.Trouble = trouble, trouble != ""
	ask := p.asks(r, f, t, text)
	ask.Headline, ask.Advice, ask.Lasts, ask.Quiets = words.Headline, words.Advice, lasts(f.R), quiets(f.R)
	ask.Teams = p.Directory().Teams
	p.show(w, "answer", status, ask)
}

// asks is what every screen of a link has that asks.
func (p *Page) asks(r *http.Request, f frame, t alert.Ticket, text string) asking {
	f.Title = t.Certificate
	a := asking{
		frame: f, Ask: true, Name: t.Certificate, As: p.inTheNameOf(f.R, t), Verb: f.R.T("link.do." + string(t.Action)), Action: t.Action,
		RequestID: newID(), Self: p.base + answerPath + url.PathEscape(text), Note: r.PostForm.Get("note"),
	}
	a.Page, a.PageWord = p.leads(f.R, t)
	return a
}

func (p *Page) inTheNameOf(r reader, t alert.Ticket) string {
	if team, ok := strings.CutPrefix(t.To, people.GroupMark); ok {
		return r.T("link.as.team", "team", alert.Clean(team))
	}
	who, _ := p.Directory().Person(t.To)
	if who.Name == "" {
		who.Name = t.To
	}
	return r.T("link.as", "who", alert.Clean(who.Name))
}

// answerLink gives the answer, and says what came of it.
func (p *Page) answerLink(w http.ResponseWriter, r *http.Request, t alert.Ticket, text string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form is broken or too long", http.StatusBadRequest)
		return
	}
	in := workflows.Request{ID: r.PostForm.Get("id"), By: t.To, Via: t.Kind + " link", Note: strings.TrimSpace(r.PostForm.Get("note"))}
	f := p.linkFrame(r, t)
	bad := check(&in)
	said := given{owner: r.PostForm.Get("owner"), team: r.PostForm.Get("team")}
	switch {
	case bad != nil:
	case t.Action == alert.ActSnooze:
		said.until, bad = p.until(r, f.R.Zone)
	case t.Action == alert.ActReassign:
		bad = p.receives(said.owner, said.team)
	}
	if text := r.PostForm.Get("for"); text != "" && bad == nil {
		var err error
		if said.last, err = lifecycle.ParseDuration(text); err != nil {
			bad = refusal(http.StatusUnprocessableEntity, "said.until")
		}
	}
	if t.Action == alert.ActDeny && in.Note == "" && bad == nil {
		bad = refusal(http.StatusUnprocessableEntity, "said.reason")
	}
	switch {
	case bad != nil:
		p.askLink(w, r, t, text, bad.word(f.R), bad.status)
		return
	case ofDigest(t):
		p.answerDigest(w, r, t, in, said.last)
		return
	case ofChannel(t):
		p.confirmChannel(w, r, t, in)
		return
	case ofApproval(t):
		p.answerDecision(w, r, t, in)
		return
	case ofHandover(t):
		p.answerHandover(w, r, t, in)
		return
	}
	if _, _, ok := p.standing(w, r, t); !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptWithin)
	defer cancel()
	err := p.send(ctx, t, in, said)
	if err == nil {
		p.fleet.stale()
		p.Log.Info("page: answered by a link", "certificate", t.Certificate, "person", t.To, "action", string(t.Action))
		p.close(w, r, t, http.StatusOK, "link.done."+string(t.Action))
		return
	}
	p.Log.Info("page: not taken", "certificate", t.Certificate, "person", t.To, "cause", err.Error())
	if bad = p.why(err); bad == nil {
		p.close(w, r, t, http.StatusGone, "gone.title", "certificate", t.Certificate)
		return
	}
	p.endLink(w, f, t, bad.status, bad.word(f.R))
}

// given is what was chosen on the screen of a link.
type given struct {
	last        time.Duration
	until       time.Time
	owner, team string
}

func (p *Page) send(ctx context.Context, t alert.Ticket, in workflows.Request, said given) error {
	switch t.Action {
	case alert.ActAcknowledge:
		return p.Certificates.Acknowledge(ctx, t.Certificate, workflows.AcknowledgeRequest{Request: in, Alert: t.AlertID, Seen: t.Standing, For: said.last})
	case alert.ActSnooze:
		return p.Certificates.Snooze(ctx, t.Certificate, workflows.SnoozeRequest{Request: in, Alert: t.AlertID, Seen: t.Standing, Until: said.until.UTC()})
	case alert.ActTakeOver:
		return p.Certificates.TakeOver(ctx, t.Certificate, workflows.TakeOverRequest{Request: in, Alert: t.AlertID, Seen: t.Standing, For: said.last})
	case alert.ActReassign:
		return p.Certificates.Reassign(ctx, t.Certificate, workflows.ReassignRequest{Request: in, Alert: t.AlertID, Seen: t.Standing, Owner: said.owner, Team: said.team})
	case alert.ActRenew:
		return p.Certificates.RenewNow(ctx, t.Certificate, workflows.RenewRequest{Request: in})
	}
	return lifecycle.Refusal{Text: "this link asks for something that is not known here"}
}
