package page

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/workflows"
)

// ofHandover reports whether a link answers the handover of what somebody leaves behind.
func ofHandover(t alert.Ticket) bool {
	return t.Action == alert.ActAccept || t.Action == alert.ActDecline
}

// leaving says what somebody leaves behind, in the words of its messages. names are some of it.
func leaving(r reader, s workflows.HandoverStatus, names []string) alert.Text {
	return alert.Render(alert.Notice{
		Phase: alert.Firing, Reason: alert.Handover, Certificate: s.Person, Names: names, At: r.Now, Cause: s.Cause,
		Next: alert.NextStep{Kind: "handover", At: s.Until, Who: s.Falls},
	}, r.Language, r.Zone.String())
}

// owned lists the certificates of somebody, as the index knows them.
func (p *Page) owned(ctx context.Context, person string) []string {
	var out []string
	for _, row := range p.fleet.look(ctx).Rows {
		if row.Owner == person {
			out = append(out, row.Name)
		}
	}
	return out
}

// askHandover shows what is left behind, until when it can be answered, and who
// gets it without an answer.
func (p *Page) askHandover(w http.ResponseWriter, r *http.Request, t alert.Ticket, text, trouble string, status int) {
	s, ok := p.unanswered(w, r, t)
	if !ok {
		return
	}
	f := p.linkFrame(r, t)
	words := leaving(f.R, s, p.owned(r.Context(), s.Person))
	f.Said, f.Trouble = trouble, trouble != ""
	ask := p.asks(r, f, t, text)
	ask.Headline, ask.Facts, ask.Next, ask.Advice = words.Headline, words.Lines, words.NextAction, words.Advice
	ask.Facts = append(ask.Facts, alert.Line{Label: f.R.T("link.handover.count"), Value: strconv.Itoa(s.Certificates)})
	p.show(w, "answer", status, ask)
}

// answerHandover accepts or declines.
func (p *Page) answerHandover(w http.ResponseWriter, r *http.Request, t alert.Ticket, in workflows.Request) {
	answer := workflows.HandoverAnswerRequest{Request: in, Accept: t.Action == alert.ActAccept, Seen: t.Standing}
	p.giveWord(w, r, t, "link.handover.none", []string{"person", alert.Clean(t.Certificate)}, func() bool {
		_, ok := p.unanswered(w, r, t)
		return ok
	}, func(ctx context.Context) error { return p.Handovers.AnswerHandover(ctx, t.Certificate, answer) })
}

// unanswered gives a handover that the link can still answer; else it has told
// the reader what became of it.
func (p *Page) unanswered(w http.ResponseWriter, r *http.Request, t alert.Ticket) (workflows.HandoverStatus, bool) {
	var s workflows.HandoverStatus
	err := workflows.ErrNotEnrolled
	if p.Handovers != nil {
		ctx, cancel := context.WithTimeout(r.Context(), acceptWithin)
		defer cancel()
		s, err = p.Handovers.Handover(ctx, t.Certificate)
	}
	switch {
	case errors.Is(err, workflows.ErrNotEnrolled):
		p.close(w, r, t, http.StatusGone, "link.handover.none", "person", alert.Clean(t.Certificate))
		return s, false
	case err != nil:
		p.close(w, r, t, http.StatusServiceUnavailable, "said.away")
		return s, false
	}
	f := p.linkFrame(r, t)
	if bad := settled(s, t); bad != nil {
		p.endLink(w, f, t, bad.status, bad.word(f.R))
		return s, false
	}
	return s, true
}

// settled says why a link answers a handover no more; nil if it does.
func settled(s workflows.HandoverStatus, t alert.Ticket) *reply {
	person := alert.Clean(s.Person)
	switch {
	case t.Standing != s.Standing:
		return refusal(http.StatusConflict, "link.handover.other", "person", person)
	case s.To == t.To:
		return refusal(http.StatusConflict, "link.handover.yours", "person", person, "why", alert.Clean(s.Why))
	case s.To != "":
		return refusal(http.StatusConflict, "link.handover.given", "who", alert.Clean(s.To), "person", person, "why", alert.Clean(s.Why))
	case s.Why != "":
		return refusal(http.StatusGone, "link.handover.over", "why", alert.Clean(s.Why))
	case t.Action == alert.ActAccept && !slices.Contains(s.May, t.To):
		return refusal(http.StatusForbidden, "link.handover.may", "may", alert.Clean(strings.Join(s.May, ", ")))
	case t.Action == alert.ActDecline && s.Asked != t.To:
		return refusal(http.StatusConflict, "link.handover.declined", "who", alert.Clean(s.Asked))
	}
	return nil
}
