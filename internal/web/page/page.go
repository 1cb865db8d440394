// Package page is what people look at in a browser: what needs a human, what
// comes in the next seven days, the calm rest, each certificate whole, and what is
// out there and not enrolled. They may answer alerts, have a certificate looked at
// again and say what becomes of what was found; everything else is the CLI's. app serves it beside Slack and health. It decides nothing: it asks
// the certificates, and their workflows take or refuse what people say.
package page

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// Certificates are the entities, as Engine reaches them.
type Certificates interface {
	// List gives every certificate that is guarded, as the index knows it.
	List(ctx context.Context) ([]Row, error)
	// Status asks one; workflows.ErrNotEnrolled if it is not there.
	Status(ctx context.Context, name string) (workflows.Status, error)
	Acknowledge(ctx context.Context, name string, in workflows.AcknowledgeRequest) error
	// LeaveAcknowledge puts one down for when a worker is back.
	LeaveAcknowledge(ctx context.Context, name string, in workflows.AcknowledgeRequest) error
	Snooze(ctx context.Context, name string, in workflows.SnoozeRequest) error
	ObserveNow(ctx context.Context, name string, in workflows.Request) error
	// ConfirmChannel says that somebody read a message of a channel.
	ConfirmChannel(ctx context.Context, name string, in workflows.Request) error
	RenewNow(ctx context.Context, name string, in workflows.RenewRequest) error
	TakeOver(ctx context.Context, name string, in workflows.TakeOverRequest) error
	Reassign(ctx context.Context, name string, in workflows.ReassignRequest) error
	Approve(ctx context.Context, name string, in workflows.DecideRequest) error
	Deny(ctx context.Context, name string, in workflows.DecideRequest) error
}

// Handovers are what people leave behind, as Engine reaches them.
type Handovers interface {
	// Handover tells how the latest of a person stands; workflows.ErrNotEnrolled if there is none.
	Handover(ctx context.Context, person string) (workflows.HandoverStatus, error)
	// Handovers lists those under way, as far as they answer, beside an error.
	Handovers(ctx context.Context) ([]workflows.HandoverStatus, error)
	AnswerHandover(ctx context.Context, person string, in workflows.HandoverAnswerRequest) error
}

// Records are what the store keeps of a certificate. Both give what could be
// read beside an error.
type Records interface {
	Entries(ctx context.Context, name string) ([]cert.Entry, error)
	Versions(ctx context.Context, name string) ([]cert.Version, error)
}

// Config is what the page needs.
type Config struct {
	URL          string                  // base of links, without a slash at the end
	Listen       string                  // address of the listener
	Tokens       func() Tokens           // who may come in; none, or nil: everybody who reaches a loopback address
	Directory    func() people.Directory // in force when it is asked
	Certificates Certificates
	Handovers    Handovers // nil: there are none
	Records      Records
	Letters      Letters                  // nil: none are shown
	Channels     Channels                 // nil: none are shown
	Strays       Strays                   // nil: none are shown
	HistoryURL   func(name string) string // of the Temporal Web UI; "" if there is none
	// Ticket reads those of links in messages, as alert.ReadTicket does; nil: there are none.
	Ticket     func(text string) (alert.Ticket, error)
	Digests    Digests           // nil: no message is answered as a whole
	Configured func() Configured // nil: nothing is wrong with it
	Log        *slog.Logger
	Now        func() time.Time // nil: the clock
}

// Configured says how the file of the worker's configuration stands.
type Configured struct {
	Refused []string  // why it is not taken, one line each; empty if it is
	Since   time.Time // of that
	Restart []string  // sections that changed and count from the next start
}

// Page serves it.
type Page struct {
	Config
	base     string // path of URL
	words    alert.Lexicon
	sessions *sessions
	limit    *limit
	fleet    *fleet
	live     *live
	mux      *http.ServeMux
}

// Served tells whether there is a page at all: with tokens everywhere, without
// them at loopback addresses only.
func Served(listen string, withTokens bool) bool { return withTokens || loopback(listen) }

// Link is where a certificate is shown.
func Link(base, name string) string { return base + "/c/" + url.PathEscape(name) }

// New makes the page.
func New(c Config) (*Page, error) {
	if c.Certificates == nil || c.Records == nil {
		return nil, errors.New("page: no certificates or no records to show")
	}
	if c.Digests == nil {
		c.Digests = noDigests{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Tokens == nil {
		c.Tokens = func() Tokens { return nil }
	}
	if c.Configured == nil {
		c.Configured = func() Configured { return Configured{} }
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	words, err := lexicon()
	if err != nil {
		return nil, err
	}
	p := &Page{Config: c, base: strings.TrimRight(u.Path, "/"), words: words, limit: newLimit(c.Now)}
	p.sessions = newSessions(c.Tokens, u.Scheme == "https", c.Now)
	p.fleet = newFleet(c.Certificates, c.Now)
	p.live = newLive(p.fleet, c.Certificates)
	p.route()
	return p, nil
}

// Close ends what is sent to open pages, so that the server can stop.
func (p *Page) Close() { p.live.close() }

func (p *Page) route() {
	p.mux = http.NewServeMux()
	p.mux.HandleFunc("GET /{$}", p.known(p.overview))
	p.mux.HandleFunc("GET /c/{name}", p.known(p.certificate))
	p.mux.HandleFunc("POST /c/{name}/acknowledge", p.known(p.signed(p.acknowledge)))
	p.mux.HandleFunc("POST /c/{name}/approve", p.known(p.signed(p.approve)))
	p.mux.HandleFunc("POST /c/{name}/deny", p.known(p.signed(p.deny)))
	p.mux.HandleFunc("POST /c/{name}/snooze", p.known(p.signed(p.snooze)))
	p.mux.HandleFunc("POST /c/{name}/take-over", p.known(p.signed(p.takeOver)))
	p.mux.HandleFunc("POST /c/{name}/reassign", p.known(p.signed(p.reassign)))
	p.mux.HandleFunc("POST /c/{name}/check", p.known(p.signed(p.check)))
	p.mux.HandleFunc("GET /waiting", p.known(p.waiting))
	p.mux.HandleFunc("POST /waiting/{verb}/{name}", p.known(p.signed(p.decideHere)))
	p.mux.HandleFunc("GET /delivery", p.known(p.delivery))
	p.mux.HandleFunc("GET /triage", p.known(p.triage))
	p.mux.HandleFunc("POST /triage/{verb}", p.known(p.signed(p.decideStray)))
	p.mux.HandleFunc("POST /undelivered/seen", p.known(p.signed(p.seen)))
	p.mux.HandleFunc("GET /events", p.known(p.events))
	p.mux.HandleFunc("POST /preferences", p.signedAlone(p.preferences))
	p.mux.HandleFunc("GET /sign-in", p.signInForm)
	p.mux.HandleFunc("POST /sign-in", p.signIn)
	p.mux.HandleFunc("POST /sign-out", p.signedAlone(p.signOut))
	p.mux.HandleFunc("GET /assets/{file}", asset)
	p.mux.HandleFunc("GET "+answerPath, p.byLink)
	p.mux.HandleFunc("POST "+answerPath, p.byLink)
	p.mux.HandleFunc("GET /", p.nothing)
}

// ServeHTTP keeps out whoever may not come in, before anything is read.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	open := strings.HasPrefix(r.URL.Path, p.base+answerPath) || strings.HasPrefix(r.URL.Path, p.base+"/assets/")
	if why := p.barred(r); why != "" && !open {
		p.Log.Warn("page refused", "why", why, "from", r.RemoteAddr, "host", alert.Clean(r.Host))
		http.Error(w, why, http.StatusForbidden)
		return
	}
	if p.base != "" {
		r.URL.Path, r.URL.RawPath = strings.TrimPrefix(r.URL.Path, p.base), strings.TrimPrefix(r.URL.RawPath, p.base)
		if r.URL.Path == "" {
			r.URL.Path = "/"
		}
	}
	guard := http.NewCrossOriginProtection()
	if u, err := url.Parse(p.URL); err == nil && u.Host != "" {
		_ = guard.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	if err := guard.Check(r); err != nil {
		p.Log.Warn("page refused", "why", err.Error(), "from", r.RemoteAddr)
		http.Error(w, "this was sent by another site, so nothing was done", http.StatusForbidden)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// harden lets the page run and show nothing but its own files, in no frame.
func harden(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
