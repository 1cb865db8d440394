package page

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Letters are the messages that did not arrive, as the store keeps them.
type Letters interface {
	Undelivered(ctx context.Context, all bool) ([]delivery.Undelivered, error)
	MarkSeen(ctx context.Context, ids []string, seen delivery.Seen) error
	// Broken lists the addresses that lead nowhere.
	Broken(ctx context.Context) ([]delivery.Broken, error)
}

// maxLetters is how many of them are shown; the CLI lists all.
const maxLetters = 20

// lost is what did not arrive and nobody has seen yet.
type lost struct {
	Title string
	Rows  []delivery.Undelivered
	More  string
	IDs   string // of those that are shown
}

// lostNow reads what did not arrive. A store that cannot be read is told on the
// screens that need it.
func (p *Page) lostNow(ctx context.Context, r reader) lost {
	if p.Letters == nil {
		return lost{}
	}
	all, err := p.Letters.Undelivered(ctx, false)
	if err != nil {
		p.Log.Warn("page: dead letters cannot be read", "cause", err.Error())
	}
	l := lost{Title: r.T("lost.title", "n", strconv.Itoa(len(all))), Rows: all[:min(len(all), maxLetters)]}
	if more := len(all) - len(l.Rows); more > 0 {
		l.More = r.T("lost.more", "n", strconv.Itoa(more))
	}
	var ids []string
	for _, u := range l.Rows {
		ids = append(ids, u.ID)
	}
	l.IDs = strings.Join(ids, " ")
	return l
}

// seen takes that somebody has seen the dead letters that the form names.
func (p *Page) seen(w http.ResponseWriter, r *http.Request, in session) {
	who, note := p.person(r, in), strings.TrimSpace(r.PostForm.Get("note"))
	ids := strings.Fields(r.PostForm.Get("ids"))
	switch {
	case p.Letters == nil || len(ids) == 0 || len(ids) > maxLetters:
		p.explain(w, r, in, http.StatusNotFound, "said.nothing")
		return
	case who.ID == "":
		p.explain(w, r, in, http.StatusUnprocessableEntity, "said.nobody")
		return
	case utf8.RuneCountInString(note) > maxNote || alert.Clean(note) != note:
		p.explain(w, r, in, http.StatusUnprocessableEntity, "said.strange")
		return
	}
	err := p.Letters.MarkSeen(r.Context(), ids, delivery.Seen{By: who.ID, Via: p.via(), At: p.Now().UTC(), Note: note})
	switch {
	case fault.Is(err, fault.NotFound):
		p.explain(w, r, in, http.StatusNotFound, "said.nothing")
	case err != nil:
		p.Log.Warn("page: dead letters cannot be marked", "cause", err.Error())
		p.explain(w, r, in, http.StatusServiceUnavailable, "said.away")
	default:
		http.Redirect(w, r, p.base+"/?said=seen", http.StatusSeeOther)
	}
}
