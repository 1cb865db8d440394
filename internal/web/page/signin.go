package page

import (
	"net/http"
	"strconv"
	"time"
)

// signing is the form that asks for a token.
type signing struct {
	frame
	To string // where it leads afterwards
}

func (p *Page) signInForm(w http.ResponseWriter, r *http.Request) {
	if len(p.Tokens()) == 0 {
		http.Redirect(w, r, p.base+"/", http.StatusSeeOther)
		return
	}
	p.askToken(w, r, http.StatusOK, "")
}

func (p *Page) askToken(w http.ResponseWriter, r *http.Request, status int, trouble string) {
	f := p.frame(r, session{}, "")
	f.Title, f.Form = f.R.T("signin.title"), "" // no session, so nothing else can be sent
	if trouble != "" {
		f.Said, f.Trouble = f.R.T(trouble), true
	}
	p.show(w, "signin", status, signing{f, p.within(r.FormValue("back"))})
}

// signIn takes a token and gives a session for it. Whoever fails too often waits.
func (p *Page) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if wait := p.limit.wait(r.RemoteAddr); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		p.askToken(w, r, http.StatusTooManyRequests, "signin.slow")
		return
	}
	t, ok := p.Tokens().find(r.PostFormValue("token"))
	if !ok || !p.belongs(t.person) {
		p.limit.failed(r.RemoteAddr)
		p.Log.Warn("page: sign-in failed", "from", r.RemoteAddr)
		p.askToken(w, r, http.StatusUnauthorized, "signin.wrong")
		return
	}
	p.sessions.begin(w, t)
	p.Log.Info("page: signed in", "person", t.person, "from", r.RemoteAddr)
	http.Redirect(w, r, p.within(r.PostFormValue("back")), http.StatusSeeOther)
}

func (p *Page) signOut(w http.ResponseWriter, r *http.Request, in session) {
	p.sessions.end(w, in)
	http.Redirect(w, r, p.base+"/", http.StatusSeeOther)
}

// aYear is how long a browser remembers what somebody chose.
const aYear = 365 * 24 * 60 * 60

// preferences remembers language and person in the browser.
func (p *Page) preferences(w http.ResponseWriter, r *http.Request, _ session) {
	if l := r.PostForm.Get("language"); p.words[l] != nil {
		p.sessions.set(w, "language", l, aYear, true)
	}
	if id, given := r.PostForm.Get("person"), r.PostForm.Has("person"); given && len(p.Tokens()) == 0 {
		if _, ok := p.Directory().Person(id); ok {
			p.sessions.set(w, "person", id, aYear, true)
		} else {
			p.sessions.set(w, "person", "", -1, true)
		}
	}
	http.Redirect(w, r, p.within(r.PostForm.Get("back")), http.StatusSeeOther)
}
