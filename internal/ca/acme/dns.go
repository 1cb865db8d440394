package acme

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/challenge"
	"github.com/go-acme/lego/v4/challenge/dns01"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// DNS answers dns-01 challenges (RFC 8555, 8.4) by one of lego's DNS providers.
// It follows a CNAME at _acme-challenge.NAME as CAs do, so a zone may delegate
// its challenges to another one. Calls to the provider are made one at a time:
// some read a whole set of records, change it and write it back.
type DNS struct {
	name, kind string
	options    DNSOptions
	provider   challenge.Provider
	resolver   *Resolver
	secrets    []string // never to be shown
	serial     bool     // one authorization at a time, whatever its name
}

// Builder makes one of lego's providers by its name; like lego it reads the
// provider's settings from the environment.
type Builder func(kind string) (challenge.Provider, error)

// NewDNS makes a provider of a configured name; it dials nobody.
func NewDNS(name, kind string, o DNSOptions, build Builder, r *Resolver) (*DNS, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "dns %s: %w", name, err)
	}
	d := &DNS{name: name, kind: kind, options: o, resolver: r}
	err := o.within(func(secrets []string) (err error) {
		d.secrets = secrets
		d.provider, err = build(kind)
		return err
	})
	if err != nil {
		return nil, fault.New(fault.Configuration, "dns %s: %s", name, d.scrubbed(err))
	}
	// lego calls sequential what must not have two answers in place at once. With
	// rfc2136 that is the TXT name, which is one place anyway.
	_, sequential := d.provider.(interface{ Sequential() time.Duration })
	d.serial = sequential && kind != "rfc2136" && kind != "dnsupdate"
	return d, nil
}

func (d *DNS) challenge() string { return DNS01 }

// place is the TXT name that holds the answer, after CNAMEs: apex and wildcard
// have the same one, and some providers know only the whole set of its values.
func (d *DNS) place(ctx context.Context, name string) (string, error) {
	if d.serial {
		return "DNS provider " + d.kind, nil
	}
	info, err := d.info(ctx, question{name: name})
	return "TXT " + strings.ToLower(info.EffectiveFQDN), err
}

// info tells where the answer goes and what it is. lego asks the resolver
// without a context, so it may be left behind.
func (d *DNS) info(ctx context.Context, q question) (dns01.ChallengeInfo, error) {
	found := make(chan dns01.ChallengeInfo, 1)
	go func() { found <- dns01.GetChallengeInfo(q.name, q.answer) }()
	select {
	case info := <-found:
		return info, nil
	case <-ctx.Done():
		return dns01.ChallengeInfo{}, fmt.Errorf("where does the answer for %s go: %w", q.name, ctx.Err())
	}
}

func (d *DNS) present(ctx context.Context, q question, say func(string)) error {
	say(fmt.Sprintf("telling DNS provider %s the answer for %s", d.name, clean(q.name)))
	err := d.call(ctx, func() error { return d.provider.Present(q.name, q.token, q.answer) }, func() { _ = d.takeAway(q) })
	if err != nil {
		_ = d.cleanUp(q) // it may have come half way
		return d.fault("make the record for "+q.name, err)
	}
	if err := d.propagate(ctx, q, say); err != nil {
		_ = d.cleanUp(q)
		return err
	}
	return nil
}

// Bounds of taking an answer away: longer than a provider's API takes, and
// short enough for a worker that stops.
const (
	cleanUpPatience = 20 * time.Second
	cleanUpTries    = 2
)

func (d *DNS) cleanUp(q question) error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpPatience)
	defer cancel()
	var err error
	for range cleanUpTries {
		if err = d.call(ctx, func() error { return d.takeAway(q) }, func() {}); err == nil {
			return nil
		}
	}
	return d.fault("remove the record for "+q.name, err)
}

func (d *DNS) takeAway(q question) error { return d.provider.CleanUp(q.name, q.token, q.answer) }

// call makes one call to the provider. lego's providers know no context: one
// that does not return in time is left behind, and after does what then is due;
// the next call begins when both are over.
func (d *DNS) call(ctx context.Context, f func() error, after func()) error {
	leave, err := places.take(ctx, "calls to DNS provider "+d.name)
	if err != nil {
		return err
	}
	left := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		defer leave()
		done <- f()
		select {
		case <-left:
			after()
		default:
		}
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		close(left)
		return fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

var passes = regexp.MustCompile(`status code:? ?\[?(429|5\d\d)`)

// fault gives an error of a provider its kind: trouble of the network and of an
// overloaded API passes, anything else needs a human.
func (d *DNS) fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	kind := fault.Configuration
	var network net.Error
	if errors.As(err, &network) || passes.MatchString(err.Error()) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		kind = fault.Transient
	}
	text := clean(fmt.Sprintf("DNS provider %s (%s): cannot %s: %s", d.name, d.kind, doing, d.scrubbed(err)))
	if kind == fault.Configuration {
		text += "; check its settings and what its credentials may change"
	}
	return &fault.Error{Kind: kind, Err: &said{text: text, err: err}}
}

// scrubbed is the error's text without the provider's secrets.
func (d *DNS) scrubbed(err error) string {
	text := err.Error()
	for _, s := range d.secrets {
		text = strings.ReplaceAll(text, s, "(secret)")
	}
	return text
}
