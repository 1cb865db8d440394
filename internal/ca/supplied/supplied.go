// Package supplied stands for a CA that knows no ACME: people order there, as
// for bought OV and EV certificates, and bring what it issued. app builds it;
// activities ask it whether a chain is whole. It orders nothing and dials nobody.
package supplied

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Options configure one such CA.
type Options struct {
	// IssuerRootsFile holds the roots (PEM) to which every chain must lead;
	// without it a chain needs an intermediate, and any root will do.
	IssuerRootsFile string `mapstructure:"issuer_roots_file"`
}

// Validate names every wrong field and how to mend it.
func (o Options) Validate() error {
	if o.IssuerRootsFile != "" && !filepath.IsAbs(o.IssuerRootsFile) {
		return fmt.Errorf("issuer_roots_file: %q is not an absolute path", o.IssuerRootsFile)
	}
	return nil
}

// CA is one configured CA.
type CA struct {
	name  string
	roots *x509.CertPool // nil: any
}

// New makes a CA; it reads IssuerRootsFile.
func New(name string, o Options) (*CA, error) {
	c := &CA{name: name}
	if o.IssuerRootsFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(o.IssuerRootsFile)
	if err != nil {
		return nil, fault.New(fault.Configuration, "ca %s: issuer_roots_file: %w", name, err)
	}
	c.roots = x509.NewCertPool()
	if !c.roots.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Configuration, "ca %s: issuer_roots_file: %s holds no PEM certificate", name, o.IssuerRootsFile)
	}
	return c, nil
}

// Complete tells why clients could not follow the chain (PEM), nil if they can.
func (c *CA) Complete(pem []byte) error {
	chain, err := cert.DecodeChain(pem)
	if err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	if c.roots == nil {
		if len(chain) == 1 && chain[0].Issuer.String() != chain[0].Subject.String() {
			return fault.New(fault.Invalid, "the chain holds the certificate alone; add the one of its issuer %s below it, as the CA sent it (if that is a root which clients have, set issuer_roots_file of CA %s to it)", chain[0].Issuer, c.name)
		}
		return nil
	}
	between := x509.NewCertPool()
	for _, i := range chain[1:] {
		between.AddCert(i)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: c.roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return fault.New(fault.Invalid, "the chain leads to no root of issuer_roots_file of CA %s: %w", c.name, err)
	}
	return nil
}

// Screen refuses what has no meaning where people order.
func (c *CA) Screen(o cert.Order) (cert.Order, error) {
	var errs []error
	if o.Profile != "" {
		errs = append(errs, fmt.Errorf("profile: CA %s is ordered from by hand; choose the product there", c.name))
	}
	if o.Challenge != "" || o.DNS != "" {
		errs = append(errs, fmt.Errorf("challenge: CA %s is ordered from by hand and checks the names by itself", c.name))
	}
	return o, errors.Join(errs...)
}

func (c *CA) byHand() error {
	return fault.New(fault.Configuration, "CA %s is ordered from by hand: neverlapse csr NAME prints the request, neverlapse supply NAME takes what the CA issued", c.name)
}

// Order refuses: people order.
func (c *CA) Order(context.Context, cert.Order) (string, error) { return "", c.byHand() }

// Authorize refuses: people order.
func (c *CA) Authorize(context.Context, cert.Order, func(string)) error { return c.byHand() }

// Finalize refuses: people order.
func (c *CA) Finalize(context.Context, string, []byte, func(string)) ([]byte, error) {
	return nil, c.byHand()
}
