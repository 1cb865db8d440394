package page

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"go.temporal.io/api/serviceerror"

	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

type handler func(w http.ResponseWriter, r *http.Request, in session)

// maxForm bounds what a form may send.
const maxForm = 16 << 10

// known lets in who has a session. Without tokens everybody gets one; with them
// whoever has none is led to the form.
func (p *Page) known(next handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, ok := p.sessions.of(r)
		ok = ok && p.belongs(in.person)
		switch {
		case ok:
			next(w, r, in)
		case r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site":
			p.again(w)
		case len(p.Tokens()) > 0:
			to := p.base + "/sign-in"
			if r.Method == http.MethodGet && r.URL.Path != "/events" {
				to += "?back=" + url.QueryEscape(p.base+r.URL.RequestURI())
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
		default:
			next(w, r, p.sessions.begin(w, token{}))
		}
	}
}

// belongs reports whether who signed in is still in the directory.
func (p *Page) belongs(person string) bool {
	_, ok := p.Directory().Person(person)
	return ok || person == ""
}

// again has the browser ask once more by itself. It keeps cookies to itself when
// a link of another site, as in Slack, leads here; not when we lead here.
func (p *Page) again(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0"><title>Neverlapse</title><p>One moment.</p></html>`))
}

// signed takes a form only if this session was given it.
func (p *Page) signed(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request, in session) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the form is broken or too long", http.StatusBadRequest)
			return
		}
		if !in.fits(r.PostForm.Get("form")) {
			p.explain(w, r, in, http.StatusForbidden, "said.strange")
			return
		}
		next(w, r, in)
	}
}

// signedAlone is signed for handlers that need nothing else.
func (p *Page) signedAlone(next handler) http.HandlerFunc { return p.known(p.signed(next)) }

// person is who acts: who signed in, else whom the browser says to be.
func (p *Page) person(r *http.Request, in session) people.Person {
	id := in.person
	if c, err := r.Cookie("person"); err == nil && len(p.Tokens()) == 0 {
		id = c.Value
	}
	who, _ := p.Directory().Person(id)
	return who
}

// via says by which way an answer came, for the record.
func (p *Page) via() string {
	if len(p.Tokens()) > 0 {
		return "page"
	}
	return "page, unverified"
}

// within keeps a way back inside the page.
func (p *Page) within(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(back, p.base+"/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n\t") {
		return p.base + "/"
	}
	return back
}

// missing names the error of a certificate that is not there.
func missing(err error) error {
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return workflows.ErrNotEnrolled
	}
	return err
}
