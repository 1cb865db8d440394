package acme

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"
	"golang.org/x/sync/errgroup"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// atOnce bounds the authorizations of one order that are worked on in parallel.
const atOnce = 8

// Authorize proves control of every name of the order (RFC 8555, 7.5): it
// answers what is pending, waits for the CA's verdict and takes its answers
// away again, whatever happens.
func (c *CA) Authorize(ctx context.Context, o cert.Order, progress func(string)) error {
	by, err := c.solver(o)
	if err != nil {
		return err
	}
	r := newReport(progress)
	defer r.stop()
	r.say("reading the order")
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	order, err := s.order(o.URL)
	if err != nil {
		return err
	}
	switch order.Status {
	case legoacme.StatusPending:
	case legoacme.StatusReady, legoacme.StatusProcessing, legoacme.StatusValid:
		return nil
	default:
		return s.dead(o.URL, order)
	}
	var (
		group errgroup.Group
		mu    sync.Mutex
		errs  []error
	)
	group.SetLimit(atOnce)
	for _, authz := range order.Authorizations {
		group.Go(func() error {
			if err := c.authorizeOne(ctx, by, authz, r); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil // the others go on: the human hears of every name that fails
		})
	}
	_ = group.Wait()
	return together(errs)
}

// together makes one error of several; its kind is the one that is hardest to mend.
func together(errs []error) error {
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	all := &fault.Error{Kind: fault.Transient, Elsewhere: true}
	var texts []string
	for _, err := range errs {
		if !fault.Is(err, fault.Transient) && rank(fault.KindOf(err)) > rank(all.Kind) {
			all.Kind = fault.KindOf(err)
		}
		all.Elsewhere = all.Elsewhere && fault.Elsewhere(err)
		if at := fault.RetryAt(err); at.After(all.RetryAt) {
			all.RetryAt = at
		}
		texts = append(texts, err.Error())
	}
	all.Err = &said{text: strings.Join(texts, "; "), err: errors.Join(errs...)}
	return all
}

func rank(k fault.Kind) int {
	for i, known := range []fault.Kind{fault.Transient, fault.Unavailable, fault.NotFound, fault.Validation, fault.Configuration} {
		if k == known {
			return i
		}
	}
	return -1
}

// dead tells why an order can lead nowhere: what the CA found wrong with each
// name, or fault.NotFound if it does not say.
func (s *session) dead(url string, order legoacme.ExtendedOrder) error {
	var errs []error
	for _, u := range order.Authorizations {
		authz, err := s.authorization(u)
		if err == nil && authz.Status == legoacme.StatusInvalid {
			errs = append(errs, s.ca.denied(authz))
		}
	}
	switch {
	case len(errs) > 0:
		return together(errs)
	case order.Error != nil:
		return s.ca.verdict("order "+url, order.Error)
	}
	return fault.New(fault.NotFound, "ca %s: order %s is %s", s.ca.name, url, clean(order.Status))
}

// denied is the CA's verdict on one name.
func (c *CA) denied(authz legoacme.Authorization) error {
	name := authz.Identifier.Value
	for _, ch := range authz.Challenges {
		if ch.Error != nil {
			return c.verdict(name, ch.Error)
		}
	}
	return fault.New(fault.Validation, "ca %s: %s: the CA denied the authorization without saying why", c.name, clean(name))
}

// authorizeOne works on one authorization until the CA has decided.
func (c *CA) authorizeOne(ctx context.Context, by solver, url string, r *report) (err error) {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	t := &trial{session: s, by: by, url: url, report: r}
	defer t.cleanUp()
	for p := newPace(); ; {
		done, err := t.advance()
		if done || !t.bears(err) {
			return err
		}
		if err := p.wait(ctx, later(s.retryAfter(), fault.RetryAt(err))); err != nil {
			return fmt.Errorf("ca %s: %s: %w", c.name, clean(t.name), err)
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
