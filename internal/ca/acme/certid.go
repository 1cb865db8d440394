package acme

import (
	"context"
	"time"

	"github.com/go-acme/lego/v4/certificate"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// CertID gives the ID (RFC 9773, 4.1) by which an order names the certificate
// it replaces; empty when the CA has no renewalInfo or the leaf names no issuer key.
func (c *CA) CertID(chain []byte) (string, error) {
	certs, err := cert.DecodeChain(chain)
	if err != nil {
		return "", fault.New(fault.Invalid, "ca %s: %w", c.name, err)
	}
	if len(certs[0].AuthorityKeyId) == 0 {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout+time.Second)
	defer cancel()
	d, err := c.readDirectory(ctx)
	if err != nil || d.RenewalInfo == "" {
		return "", err
	}
	return certificate.MakeARICertID(certs[0])
}
