package acme

import (
	"context"
	"crypto/x509"
	"fmt"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Settle ends an order that is to be given up, and tells what became of it: the
// chain (PEM, leaf first) if the CA issued, fault.NotFound once it never will.
// An order that the CA could still be asked to finalize is made void first, by
// deactivating its authorizations (RFC 8555, 7.5.2): a request that is still on
// its way then comes too late. Whatever else fails says that nobody knows yet.
// csr is DER.
func (c *CA) Settle(ctx context.Context, url string, csr []byte, progress func(string)) ([]byte, error) {
	request, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "ca %s: certificate request: %w", c.name, err)
	}
	r := newReport(progress)
	defer r.stop()
	r.say("asking what became of the order")
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	if _, d, ok := c.directory.get(); ok && !sameHost(url, d.NewOrderURL) {
		return nil, fault.New(fault.NotFound, "ca %s: order %s belongs to another CA", c.name, url)
	}
	gone := func(why string) ([]byte, error) {
		return nil, fault.New(fault.NotFound, "ca %s: order %s %s", c.name, url, why)
	}
	void := false
	for p := newPace(); ; {
		order, err := s.order(url)
		switch {
		case isProblem(err, "unauthorized"):
			return gone("is another account's")
		case err != nil:
			return nil, err
		}
		switch order.Status {
		case legoacme.StatusValid:
			return s.download(order, request.PublicKey, false)
		case legoacme.StatusProcessing:
			r.say("waiting for the CA to issue")
			if err := p.wait(ctx, s.retryAfter()); err != nil {
				return nil, fmt.Errorf("ca %s: order %s is still being processed: %w", c.name, url, err)
			}
		case legoacme.StatusPending, legoacme.StatusReady:
			if void {
				return gone("is " + clean(order.Status) + " and is given up: the CA was not brought to issue by it")
			}
			if void, err = true, s.void(order); err != nil {
				return nil, err
			}
		default:
			return gone("is " + clean(order.Status))
		}
	}
}

// void takes the authorizations away from an order. A CA that does not know how
// is not held against it; one that does not answer is.
func (s *session) void(order legoacme.ExtendedOrder) error {
	for _, u := range order.Authorizations {
		_, err := at(s, "deactivate authorization", u, func(u string) (struct{}, error) {
			return struct{}{}, s.core.Authorizations.Deactivate(u)
		})
		if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Transient) {
			return err
		}
	}
	return nil
}
