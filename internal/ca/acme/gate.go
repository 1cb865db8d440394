package acme

import (
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/outgoing"
)

// longestRetryAfter bounds what a CA may ask for; beyond it the header is an
// error of the CA's (Let's Encrypt's longest limit is a week).
const longestRetryAfter = 31 * 24 * time.Hour

// gate holds back requests until the CA's Retry-After (RFC 8555, 6.6). It is
// memory only; the workflow keeps the date that the error carries.
type gate struct {
	mu    sync.Mutex
	all   time.Time            // for every request
	names map[string]time.Time // for new orders of one set of names
}

// until gives the date before which nothing may be sent; zero when open.
func (g *gate) until(names string, now time.Time) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.all
	if own := g.names[names]; own.After(at) {
		at = own
	}
	if !at.After(now) {
		return time.Time{}
	}
	return at
}

// close shuts the gate until at, for new orders of the names or, when names is
// empty, for everything.
func (g *gate) close(names string, at, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if names == "" {
		if at.After(g.all) {
			g.all = at
		}
		return
	}
	for key, old := range g.names {
		if old.Before(now) {
			delete(g.names, key)
		}
	}
	if g.names == nil {
		g.names = make(map[string]time.Time)
	}
	if at.After(g.names[names]) {
		g.names[names] = at
	}
}

// aboutNames recognises Let's Encrypt's limits that concern one domain or one
// exact set of names; they last up to a week and must not hold up the others.
var aboutNames = regexp.MustCompile(`exact set of|for "[^"]+" in the last`)

// retryAfter is the date that an answer names; zero if there is none, it lies in
// the past or makes no sense.
func retryAfter(h http.Header, now time.Time) time.Time {
	wait, _ := outgoing.RetryAfter(h.Get("Retry-After"), now)
	if wait == 0 {
		return time.Time{}
	}
	return now.Add(min(wait, longestRetryAfter))
}
