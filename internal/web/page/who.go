package page

import (
	"net/http"
	"strings"
	"time"
)

// Who tells who sends a request that is not for the page: by the session of a
// browser that signed in here, or by a token shown as Authorization: Bearer
// (RFC 6750, 2.1). It is empty where neither is good, and for everybody where
// there are no tokens. Whoever fails too often waits.
func (p *Page) Who(r *http.Request) (person string, wait time.Duration) {
	if in, ok := p.sessions.of(r); ok && in.person != "" && p.belongs(in.person) {
		return in.person, 0
	}
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", 0
	}
	if wait := p.limit.wait(r.RemoteAddr); wait > 0 {
		return "", wait
	}
	t, ok := p.Tokens().find(shown)
	if !ok || !p.belongs(t.person) {
		p.limit.failed(r.RemoteAddr)
		return "", 0
	}
	return t.person, 0
}
