// Package app builds and runs everything: it knows every adapter by name, turns
// the configuration into activities, and joins Temporal. It is the only package
// that knows all others; worker and starter call it. It decides nothing.
package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/codec"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/web/page"
)

// parts are what adapters share.
type parts struct {
	store    *store.Store
	look     *scan.Scanner
	ways     acme.Ways
	resolver *acme.Resolver
	tokens   page.Tokens
	codec    *codec.Codec
}

// build makes every adapter of the configuration; all errors come at once, each
// with its path. Nothing is dialled. more are kinds of adapters beside our own.
func build(ctx context.Context, c config.Config, more []Kinds) (*activities.Activities, parts, error) {
	var p parts
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	p.store, err = storeOf(ctx, c, more)
	fail(err)
	p.tokens, err = pageTokens(c)
	fail(err)
	p.codec, err = payloadCodec(c)
	fail(err)
	_, err = scrapeToken(c)
	fail(err)
	_, err = newHeartbeat(c)
	fail(err)
	if c.ACMEHTTP.Listen != "" {
		p.ways.HTTP = acme.NewListener(c.ACMEHTTP.Listen)
		p.ways.HTTP.Peers, err = acme.NewPeers(c.ACMEHTTP.Peers)
		fail(config.Under("acme_http.peers", err))
	}
	if c.ACMETLS.Listen != "" {
		p.ways.TLS = acme.NewTLSListener(c.ACMETLS.Listen)
	}
	p.resolver = acme.NewResolver(c.ACMEDNS.Resolvers)
	fail(config.Under("acme_dns.resolvers", p.resolver.Adopt()))
	fail(config.Under("bounces.cert_file", encryptionOf(c).Check()))
	p.look, err = scanner(c)
	fail(err)
	a, err := adapters(c, p, more)
	fail(err)
	a.Scanner, a.Store = p.look, p.store
	return a, p, errors.Join(errs...)
}

// adapters makes those of a configuration on what is open already.
func adapters(c config.Config, p parts, more []Kinds) (*activities.Activities, error) {
	var errs []error
	fail := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	a := &activities.Activities{CAs: map[string]activities.CA{}, Targets: map[string]activities.Target{}, Directory: c.Directory, Routes: func() []alert.Route { return c.Routes }, Now: time.Now}
	p.ways.Resolver = p.resolver
	p.ways.DNS = map[string]*acme.DNS{}
	for i, x := range c.DNS {
		path := fmt.Sprintf("dns[%d]", i)
		d, err := dnsProvider(p, x, path)
		if err == nil {
			p.ways.DNS[x.Name] = d
		}
		fail(err)
	}
	for i, x := range c.CAs {
		path := fmt.Sprintf("cas[%d]", i)
		f, err := of(cas, path, x.Kind)
		if err == nil && p.store != nil {
			a.CAs[x.Name], err = f(p, x, path)
		}
		fail(err)
	}
	kinds := targetKinds(more)
	for i, x := range c.Targets {
		path := fmt.Sprintf("targets[%d]", i)
		f, err := of(kinds, path, x.Kind)
		if err == nil {
			a.Targets[x.Name], err = f(x, path)
		}
		fail(err)
	}
	_, err = sourcesOf(c, p, more)
	fail(err)
	fail(canaryFits(c))
	a.Hosts, err = hosts(c)
	fail(err)
	_, err = channelsOf(c)
	fail(err)
	fail(reachable(c))
	fail(reached(c))
	return a, errors.Join(errs...)
}

// admission says what this installation can do.
type admission struct {
	config func() config.Config
	acts   *activities.Activities
	client client.Client
}
