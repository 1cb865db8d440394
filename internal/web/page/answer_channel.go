package page

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/workflows"
)

// ofChannel reports whether a link answers the proof of life of a channel.
func ofChannel(t alert.Ticket) bool {
	return t.Action == alert.ActAcknowledge && strings.HasPrefix(t.AlertID, workflows.ChannelAlert(t.Certificate))
}

// askChannel asks before the answer counts, as askLink does.
func (p *Page) askChannel(w http.ResponseWriter, r *http.Request, t alert.Ticket, text string) {
	f := p.linkFrame(r, t)
	words := alert.Render(alert.Notice{Phase: alert.Firing, Reason: alert.ProofOfLife, Certificate: t.Certificate, At: f.R.Now}, f.R.Language, f.R.Zone.String())
	ask := p.asks(r, f, t, text)
	ask.Action, ask.Headline, ask.Advice, ask.Page, ask.PageWord = "", words.Headline, words.Advice, "", ""
	p.show(w, "answer", http.StatusOK, ask)
}

// confirmChannel takes the answer.
func (p *Page) confirmChannel(w http.ResponseWriter, r *http.Request, t alert.Ticket, in workflows.Request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptWithin)
	defer cancel()
	switch err := p.Certificates.ConfirmChannel(ctx, t.Certificate, in); {
	case errors.Is(err, workflows.ErrNoChannel):
		p.close(w, r, alert.Ticket{}, http.StatusGone, "link.gone")
	case err != nil:
		p.Log.Info("page: not taken", "channel", t.Certificate, "person", t.To, "cause", err.Error())
		p.close(w, r, alert.Ticket{}, http.StatusServiceUnavailable, "said.away")
	default:
		p.close(w, r, alert.Ticket{}, http.StatusOK, "link.done."+string(t.Action))
	}
}
