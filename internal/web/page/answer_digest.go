package page

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// Digests are the messages about many alerts.
type Digests interface {
	// Digest gives one as it should be now; a lifecycle.Refusal if it is kept no more.
	Digest(ctx context.Context, id string) (alert.Notice, error)
	// AcknowledgeAll returns once the answer is on record; wait gives what became of it.
	AcknowledgeAll(ctx context.Context, in workflows.AcknowledgeAllRequest) (wait func(context.Context) (alert.Tally, error), err error)
}

// ofDigest reports whether a link answers every alert of a message.
func ofDigest(t alert.Ticket) bool { return t.Action == alert.ActAckAll }

// askDigest shows what is in the message, and asks before the answer counts.
func (p *Page) askDigest(w http.ResponseWriter, r *http.Request, t alert.Ticket, text, trouble string, status int) {
	ctx, cancel := context.WithTimeout(r.Context(), acceptWithin)
	defer cancel()
	n, err := p.Digests.Digest(ctx, t.AlertID)
	if err != nil {
		p.digestTrouble(w, r, t, err)
		return
	}
	f := p.linkFrame(r, t)
	words := alert.Render(n, f.R.Language, f.R.Zone.String())
	if len(n.Actions) == 0 {
		p.close(w, r, t, http.StatusGone, "link.all.gone")
		return
	}
	f.Title, f.Said, f.Trouble = words.Headline, trouble, trouble != ""
	p.show(w, "answer", status, asking{
		frame: f, Ask: true, Name: "Neverlapse", Headline: words.Headline, Advice: f.R.T("link.all.advice"), As: p.inTheNameOf(f.R, t), Verb: f.R.T("link.do." + string(t.Action)),
		Action: t.Action, RequestID: newID(), Self: p.base + answerPath + url.PathEscape(text), Note: r.PostForm.Get("note"), Lasts: lasts(f.R), Listed: words.Standing.Items,
	})
}

// answerDigest gives the answer, and says how many were taken.
func (p *Page) answerDigest(w http.ResponseWriter, r *http.Request, t alert.Ticket, in workflows.Request, last time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), acceptWithin)
	defer cancel()
	wait, err := p.Digests.AcknowledgeAll(ctx, workflows.AcknowledgeAllRequest{Request: in, Digest: t.AlertID, For: last})
	if err != nil {
		p.digestTrouble(w, r, t, err)
		return
	}
	p.Log.Info("page: many answered by a link", "message", t.AlertID, "person", t.To)
	f := p.linkFrame(r, t)
	said := alert.TallyLater(f.R.Language)
	switch tally, err := wait(ctx); {
	case err == nil:
		p.fleet.stale()
		said = tally.Say(f.R.Language)
	case ctx.Err() == nil:
		p.digestTrouble(w, r, t, err)
		return
	}
	p.endLink(w, f, t, http.StatusOK, said)
}

// digestTrouble says why a message cannot be answered as a whole.
func (p *Page) digestTrouble(w http.ResponseWriter, r *http.Request, t alert.Ticket, err error) {
	if _, refused := errors.AsType[lifecycle.Refusal](err); refused {
		p.close(w, r, t, http.StatusGone, "link.all.gone")
		return
	}
	p.Log.Info("page: not taken", "message", t.AlertID, "person", t.To, "cause", err.Error())
	f := p.linkFrame(r, t)
	if bad := p.why(err); bad != nil {
		p.endLink(w, f, t, bad.status, bad.word(f.R))
		return
	}
	p.close(w, r, t, http.StatusGone, "link.all.gone")
}

// noDigests keeps none.
type noDigests struct{}

func (noDigests) Digest(context.Context, string) (alert.Notice, error) {
	return alert.Notice{}, lifecycle.Refusal{Text: "no message is answered as a whole here"}
}

func (n noDigests) AcknowledgeAll(ctx context.Context, in workflows.AcknowledgeAllRequest) (func(context.Context) (alert.Tally, error), error) {
	_, err := n.Digest(ctx, in.Digest)
	return nil, err
}
