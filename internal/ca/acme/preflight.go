package acme

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"
	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// What is looked at before an order is spent.
const (
	CheckCAA          = "caa"          // CAA records allow this CA (RFC 8659)
	CheckDNSSEC       = "dnssec"       // the signatures of the zone are good
	CheckReachability = "reachability" // what answers the challenge can be reached at the name
	CheckNothing      = "none"
)

// Checks lists them.
var Checks = []string{CheckCAA, CheckDNSSEC, CheckReachability}

// preflightLimit bounds all of it. What was not found out by then is left to the CA.
const preflightLimit = 20 * time.Second

func (o Options) validatePreflight() error {
	for _, check := range o.Preflight {
		switch {
		case check == CheckNothing && len(o.Preflight) > 1:
			return fmt.Errorf("preflight: %q stands alone; remove it or the others", CheckNothing)
		case check != CheckNothing && !slices.Contains(Checks, check):
			return fmt.Errorf("preflight: %q is not known; use some of %s, or %s", check, strings.Join(Checks, ", "), CheckNothing)
		}
	}
	for name, port := range map[string]int{"http_port": o.HTTPPort, "tls_port": o.TLSPort} {
		if port < 0 || port > 65535 {
			return fmt.Errorf("%s: %d is no port", name, port)
		}
	}
	return nil
}

func (o Options) checks(what string) bool {
	return len(o.Preflight) == 0 || slices.Contains(o.Preflight, what)
}

// prober is the optional ability of a solver to find out whether the CA would
// reach it at a name.
type prober interface {
	probe(ctx context.Context, r *Resolver, name string, o Options) error
}

// preflight refuses an order whose names could not be proven now: a CA counts
// failed validations, and some count orders. It speaks only of what it saw: a
// question that nobody answers is no reason to refuse.
func (s *session) preflight(by solver, names []string, meta legoacme.Meta) error {
	ctx, cancel := context.WithTimeout(s.ctx, preflightLimit)
	defer cancel()
	var (
		group errgroup.Group
		mu    sync.Mutex
		errs  []error
	)
	group.SetLimit(atOnce)
	for _, name := range names {
		group.Go(func() error {
			if err := s.preflightOne(ctx, by, name, meta); err != nil && ctx.Err() == nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("ca %s: looking at the names before ordering: %w", s.ca.name, err)
	}
	return together(errs)
}

func (s *session) preflightOne(ctx context.Context, by solver, name string, meta legoacme.Meta) error {
	o, r := s.ca.options, s.ca.resolver
	bare := strings.TrimPrefix(name, "*.")
	if (o.checks(CheckDNSSEC) || o.checks(CheckCAA)) && !isAddress(name) {
		asked, kind := lookedUp(by, bare)
		answer, err := r.ask(ctx, asked, kind, false)
		if err != nil {
			return nil // nobody answers: what else would be asked is not known either
		}
		if err := r.bogus(ctx, answer); err != nil && o.checks(CheckDNSSEC) {
			return s.ca.beforeOrder(CheckDNSSEC, name, err)
		}
	}
	if o.checks(CheckCAA) && !isAddress(name) && len(meta.CaaIdentities) > 0 {
		asked := caaQuestion{name: bare, wildcard: bare != name, identities: meta.CaaIdentities, account: s.kid, challenge: by.challenge()}
		if err := r.checkCAA(ctx, asked); err != nil {
			return s.ca.beforeOrder(CheckCAA, name, err)
		}
	}
	if p, ok := by.(prober); ok && o.checks(CheckReachability) {
		if err := p.probe(ctx, r, name, o); err != nil {
			return s.ca.beforeOrder(CheckReachability, name, err)
		}
	}
	return nil
}

// lookedUp is the name that the CA will look up.
func lookedUp(by solver, name string) (string, uint16) {
	if by.challenge() == DNS01 {
		return "_acme-challenge." + name, dns.TypeTXT
	}
	return name, dns.TypeA
}

// beforeOrder tells that nothing was ordered, and how to switch the check off.
func (c *CA) beforeOrder(check, name string, err error) error {
	text := clean(fmt.Sprintf("ca %s: %s: %s; nothing was ordered (check %s of preflight)", c.name, name, err, check))
	return &fault.Error{Kind: fault.KindOf(err), Err: &said{text: text, err: err}}
}
