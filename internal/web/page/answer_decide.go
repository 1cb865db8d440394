package page

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// ofApproval reports whether a link decides on what waits for approval.
func ofApproval(t alert.Ticket) bool {
	return t.Action == alert.ActApprove || t.Action == alert.ActDeny
}

// question says what waits for approval, in the words of its messages.
func question(r reader, s lifecycle.State) alert.Text {
	return alert.Render(alert.Notice{
		Phase: alert.Firing, Reason: alert.ApprovalNeeded, Certificate: s.Spec.Name, Names: s.Spec.Names, Managed: s.Spec.Managed, Owner: s.Spec.Owner,
		Team: s.Spec.Team, Environment: s.Spec.Environment, Version: s.Live, At: r.Now, Question: workflows.Question(s), Next: workflows.Alone(r.Now, s),
	}, r.Language, r.Zone.String())
}

// askDecision shows what is to be issued or deployed, until when people can
// decide, and what the policy does if nobody does.
func (p *Page) askDecision(w http.ResponseWriter, r *http.Request, t alert.Ticket, text, trouble string, status int) {
	s, ok := p.undecided(w, r, t)
	if !ok {
		return
	}
	f := p.linkFrame(r, t)
	words := question(f.R, s)
	f.Said, f.Trouble = trouble, trouble != ""
	ask := p.asks(r, f, t, text)
	ask.Headline, ask.Facts, ask.Next, ask.Advice = words.Headline, words.Lines, words.NextAction, f.R.T("link.advice."+string(t.Action))
	ask.Seen, ask.Reason = s.Approval.Standing(), t.Action == alert.ActDeny
	p.show(w, "answer", status, ask)
}

// answerDecision gives the word.
func (p *Page) answerDecision(w http.ResponseWriter, r *http.Request, t alert.Ticket, in workflows.Request) {
	do := p.Certificates.Approve
	if t.Action == alert.ActDeny {
		do = p.Certificates.Deny
	}
	decision := workflows.DecideRequest{Request: in, Alert: t.AlertID, Question: cmp.Or(r.PostForm.Get("seen"), t.Standing)}
	p.giveWord(w, r, t, "gone.title", []string{"certificate", t.Certificate}, func() bool {
		_, ok := p.undecided(w, r, t)
		return ok
	}, func(ctx context.Context) error { return do(ctx, t.Certificate, decision) })
}

// giveWord gives a word that several are asked for, and says what came of it. Of
// two at once the second is told who was first: open looks how things stand, and
// has told the reader where nothing is left to say. gone says of what is no more
// that it is; both it and what is done have pairs of words to fill in.
func (p *Page) giveWord(w http.ResponseWriter, r *http.Request, t alert.Ticket, gone string, pairs []string, open func() bool, do func(context.Context) error) {
	if !open() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptWithin)
	defer cancel()
	err := do(ctx)
	if err == nil {
		p.fleet.stale()
		p.Log.Info("page: a word is given by a link", "about", t.Certificate, "person", t.To, "action", string(t.Action))
		p.close(w, r, t, http.StatusOK, "link.done."+string(t.Action), pairs...)
		return
	}
	p.Log.Info("page: not taken", "about", t.Certificate, "person", t.To, "cause", err.Error())
	if !open() {
		return
	}
	f := p.linkFrame(r, t)
	if bad := p.why(err); bad != nil {
		p.endLink(w, f, t, bad.status, bad.word(f.R))
		return
	}
	p.close(w, r, t, http.StatusGone, gone, pairs...)
}

// undecided gives the state of a certificate on which the link can still decide;
// else it has told the reader what became of the question.
func (p *Page) undecided(w http.ResponseWriter, r *http.Request, t alert.Ticket) (lifecycle.State, bool) {
	s, ok := p.linkState(w, r, t)
	if !ok {
		return s, false
	}
	f := p.linkFrame(r, t)
	if bad := p.became(f.R, s, t); bad != nil {
		p.endLink(w, f, t, bad.status, bad.word(f.R))
		return s, false
	}
	return s, true
}

// became says why a link decides nothing any more; nil if it does.
func (p *Page) became(r reader, s lifecycle.State, t alert.Ticket) *reply {
	q, a, deny := s.Approval, s.Alert(t.AlertID), t.Action == alert.ActDeny
	if q == nil || !q.Same(t.Standing) {
		switch {
		case q != nil:
			return refusal(http.StatusConflict, "link.other")
		case a == nil || a.Open():
			return refusal(http.StatusGone, "link.gone")
		}
		return refusal(http.StatusGone, "link.resolved", "time", r.Plain(a.ResolvedAt), "evidence", alert.Clean(a.Evidence))
	}
	mine := slices.ContainsFunc(q.Votes, func(o lifecycle.Order) bool { return o.By == t.To })
	switch {
	case !q.Granted.IsZero():
		return refusal(http.StatusConflict, "link.approved", "who", alert.Clean(q.Votes[len(q.Votes)-1].By), "time", r.Plain(q.Granted))
	case deny && q.Denied != nil && !q.Asks(r.Now):
		return refusal(http.StatusConflict, "link.denied", "who", alert.Clean(q.Denied.By), "time", r.Plain(q.Denied.At), "note", alert.Clean(q.Denied.Note))
	case deny && q.Requester == t.To: // takes it back
	case q.Requester == t.To:
		return refusal(http.StatusForbidden, "link.requester")
	case !deny && mine:
		return refusal(http.StatusConflict, "link.voted", "got", strconv.Itoa(len(q.Votes)), "n", strconv.Itoa(max(1, s.Spec.Policy.Approval.Count)))
	case !p.mayDecide(r, s, t.To):
		return refusal(http.StatusForbidden, "link.role", "roles", roleWords(s))
	}
	return nil
}

// mayDecide reports whether somebody fills a role that the policy names. Where
// nobody is known it cannot be said, and is not held against them.
func (p *Page) mayDecide(r reader, s lifecycle.State, who string) bool {
	d := p.Directory()
	if len(d.People) == 0 {
		return true
	}
	fills := d.Fills(who, people.Question{Owner: s.Spec.Owner, Team: s.Spec.Team, At: r.Now})
	return slices.ContainsFunc(fills, func(x people.Role) bool { return slices.Contains(s.Spec.Policy.Approval.Roles(), x) })
}

func roleWords(s lifecycle.State) string {
	var out []string
	for _, x := range s.Spec.Policy.Approval.Roles() {
		out = append(out, string(x))
	}
	return strings.Join(out, ", ")
}
