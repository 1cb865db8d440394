// Package acme issues certificates from any ACME CA (RFC 8555) as three steps
// that can be repeated after a crash by another process: Order, Authorize and
// Finalize. activities call it through the port CA; app builds it. It decides
// nothing: not when to renew, not whether to try again. It stores only the
// ACME account; keys, CSRs and order URLs are the caller's to keep.
//
// It drives lego's exported acme/api. lego v4 knows no context, so each step
// gets its own http.Client whose transport (wire) carries the step's context,
// the nonces and directory that all steps share, and the CA's Retry-After.
package acme

import (
	"context"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"sync"
	"time"

	legolog "github.com/go-acme/lego/v4/log"
	"golang.org/x/sync/singleflight"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/outgoing"
)

// Accounts keeps ACME accounts durable; the store implements it.
type Accounts interface {
	// Account gives the account of a CA and address; fault.NotFound if there is none.
	Account(ctx context.Context, ca, email string) (cert.Account, error)
	// PutAccount stores it. A store should refuse another key than the one it
	// has (fault.Conflict): then several processes starting at once make one
	// account. Where the last key wins they may make two, and settle on one.
	PutAccount(ctx context.Context, a cert.Account) error
}

// CA is one configured certificate authority; it is safe for concurrent use.
type CA struct {
	name     string
	options  Options
	accounts Accounts
	ways     Ways
	webroot  *webroot // nil where there is none
	resolver *Resolver
	base     http.RoundTripper
	timeout  time.Duration  // of one request
	issuers  *x509.CertPool // roots that issued chains must lead to; nil: any

	flights   singleflight.Group // one directory fetch, one account creation at a time
	directory directory
	gate      gate
	nonces    nonces

	mu       sync.Mutex
	identity *identity // of the account, once known
	disowned string    // URL of an account that the CA turned out not to know
}

// New makes a CA; it reads RootFile and dials nothing. The ways are those that
// every CA of the process shares.
func New(name string, o Options, accounts Accounts, w Ways) (*CA, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "ca %s: %w", name, err)
	}
	servers, err := outgoing.Only(o.RootFile)
	if err != nil {
		return nil, fault.New(fault.Configuration, "ca %s: root_file: %w", name, err)
	}
	c := &CA{name: name, options: o, accounts: accounts, ways: w, base: outgoing.Transport(servers), timeout: o.RequestTimeout}
	if c.issuers, err = outgoing.Only(o.IssuerRootsFile); err != nil {
		return nil, fault.New(fault.Configuration, "ca %s: issuer_roots_file: %w", name, err)
	}
	if c.timeout == 0 {
		c.timeout = 30 * time.Second
	}
	if c.resolver = w.Resolver; c.resolver == nil {
		c.resolver = NewResolver(nil)
	}
	if o.Webroot != "" {
		c.webroot = &webroot{dir: o.Webroot}
	}
	if _, err := c.solver(cert.Order{}); err != nil {
		return nil, err
	}
	silenceLego()
	return c, nil
}

// silenceLego keeps lego from writing every refused nonce to stderr: what
// matters comes back as an error.
var silenceLego = sync.OnceFunc(func() { legolog.Logger = log.New(io.Discard, "", 0) })
