package acme

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Order opens an order (RFC 8555, 7.4) and gives its URL, which the caller must
// keep: a CA need not list orders. With o.URL it only looks whether that order
// can still lead to a certificate for o.Names; fault.NotFound says that it cannot.
// A fault.Conflict is a refusal that o.Replaces may be to blame for: the same
// order without it may be taken.
func (c *CA) Order(ctx context.Context, o cert.Order) (string, error) {
	if _, err := c.Screen(o); err != nil {
		return "", err
	}
	s, err := c.open(ctx)
	if err != nil {
		return "", err
	}
	if o.URL != "" {
		return s.reuse(o)
	}
	return s.newOrder(o)
}

// Screen refuses what this CA, as it is configured, could never issue, without
// asking anybody. The order comes back with the CA's usual kind of key if it named none.
func (c *CA) Screen(o cert.Order) (cert.Order, error) {
	by, err := c.solver(o)
	if err != nil {
		return o, err
	}
	if err := c.provable(by.challenge(), o.Names); err != nil {
		return o, err
	}
	allowed := c.options.keyTypes()
	switch {
	case o.KeyType == "":
		o.KeyType = allowed[0]
	case !slices.Contains(allowed, o.KeyType):
		return o, fault.New(fault.Configuration, "ca %s: key type %s is not allowed here; use one of %s, or add it to key_types", c.name, o.KeyType, joined(allowed))
	}
	return o, nil
}

// reuse looks at an order that an earlier try opened.
func (s *session) reuse(o cert.Order) (string, error) {
	if _, d, ok := s.ca.directory.get(); ok && !sameHost(o.URL, d.NewOrderURL) {
		return "", fault.New(fault.NotFound, "ca %s: order %s belongs to another CA", s.ca.name, o.URL)
	}
	order, err := s.order(o.URL)
	if err != nil {
		if isProblem(err, "unauthorized") { // another account's
			return "", fault.New(fault.NotFound, "%w", err)
		}
		return "", err
	}
	gone := func(why string) (string, error) {
		return "", fault.New(fault.NotFound, "ca %s: order %s %s", s.ca.name, o.URL, why)
	}
	switch order.Status {
	case legoacme.StatusValid, legoacme.StatusReady, legoacme.StatusPending, legoacme.StatusProcessing:
	default:
		return gone("is " + clean(order.Status))
	}
	if expires, err := time.Parse(time.RFC3339, order.Expires); err == nil && order.Status != legoacme.StatusValid && !expires.After(time.Now()) {
		return gone("expired at " + order.Expires)
	}
	if !sameNames(order.Identifiers, o.Names) {
		return gone("is for other names")
	}
	return o.URL, nil
}

func (s *session) newOrder(o cert.Order) (string, error) {
	d, err := s.ca.readDirectory(s.ctx)
	if err != nil {
		return "", err
	}
	profile, err := s.ca.profile(o.Profile, d)
	if err != nil {
		return "", err
	}
	by, err := s.ca.solver(o)
	if err != nil {
		return "", err
	}
	if err := s.preflight(by, o.Names, d.Meta); err != nil {
		return "", err
	}
	s.wire.names = strings.Join(o.Names, " ")
	place := func(replaces string) (legoacme.ExtendedOrder, error) {
		return ask(s, "new order", func() (legoacme.ExtendedOrder, error) {
			return s.core.Orders.NewWithOptions(o.Names, &api.OrderOptions{Profile: profile, ReplacesCertID: replaces})
		})
	}
	order, err := place(o.Replaces)
	if o.Replaces != "" && mayBlameReplaces(err) {
		return "", fault.New(fault.Conflict, "%w", err)
	}
	if err != nil {
		return "", err
	}
	return order.Location, secure(order.Location)
}

// mayBlameReplaces tells that the CA may have refused the order only for its
// replaces (RFC 9773, 5): it is a courtesy and must never stop a renewal. CAs
// answer alreadyReplaced, or malformed, unauthorized or serverInternal to a
// certificate they do not find.
func mayBlameReplaces(err error) bool {
	if !fault.RetryAt(err).IsZero() {
		return false
	}
	for _, kind := range []string{"malformed", "unauthorized"} {
		if isProblem(err, kind) {
			return true
		}
	}
	return refusedAs(err, "serverInternal") || refusedAs(err, alreadyReplaced)
}

func sameNames(have []legoacme.Identifier, want []string) bool {
	var a, b []string
	for _, id := range have {
		a = append(a, normal(id.Value))
	}
	for _, name := range want {
		b = append(b, normal(name))
	}
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func normal(name string) string {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(name)
}
