package acme

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"fmt"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Finalize turns an authorized order into a certificate (RFC 8555, 7.4). It
// looks first: an order that an earlier try finalized is only downloaded, so
// repeating never issues twice. csr is DER; the chain is PEM, leaf first.
func (c *CA) Finalize(ctx context.Context, url string, csr []byte, progress func(string)) ([]byte, error) {
	request, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fault.New(fault.Invalid, "ca %s: certificate request: %w", c.name, err)
	}
	r := newReport(progress)
	defer r.stop()
	r.say("reading the order")
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	sent := false
	for p := newPace(); ; {
		order, err := s.order(url)
		if err == nil && order.Status == legoacme.StatusReady {
			r.say("finalizing the order")
			order, err = s.finalize(url, order, csr)
			sent = sent || err == nil
		}
		if err != nil && !isProblem(err, "orderNotReady") {
			return nil, err
		}
		switch order.Status {
		case legoacme.StatusValid:
			r.say("downloading the certificate")
			return s.download(order, request.PublicKey, sent)
		case legoacme.StatusInvalid:
			return nil, s.dead(url, order)
		case legoacme.StatusPending:
			return nil, fault.New(fault.Transient, "ca %s: order %s is not authorized yet", c.name, url)
		}
		r.say("waiting for the CA to issue")
		if err := p.wait(ctx, s.retryAfter()); err != nil {
			return nil, fmt.Errorf("ca %s: order %s: %w", c.name, url, err)
		}
	}
}

// download fetches the chain and checks that it is the one asked for. fresh
// tells that this very call finalized the order.
func (s *session) download(order legoacme.ExtendedOrder, key crypto.PublicKey, fresh bool) ([]byte, error) {
	raw, err := at(s, "download", order.Certificate, s.fetchChain)
	if err != nil {
		return nil, err
	}
	chain, err := cert.DecodeChain(raw)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "ca %s: %s holds no certificate chain: %w", s.ca.name, order.Certificate, err)
	}
	pub, ok := key.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(chain[0].PublicKey) {
		if fresh {
			return nil, unusable("ca %s: the CA issued %s for another key than ours", s.ca.name, order.Certificate)
		}
		return nil, fault.New(fault.NotFound, "ca %s: %s was issued for another key; a new order is needed", s.ca.name, order.Certificate)
	}
	return cert.EncodeChain(chain), s.ca.complete(chain)
}

// complete refuses a chain that does not lead to a root that clients have: to
// one of issuer_roots_file or, without it, to any by an intermediate.
func (c *CA) complete(chain []*x509.Certificate) error {
	if c.issuers == nil {
		if len(chain) == 1 && !bytes.Equal(chain[0].RawIssuer, chain[0].RawSubject) {
			return unusable("ca %s: the CA sent the certificate without the one of its issuer %s; if that is a root which clients have, set issuer_roots_file to it", c.name, clean(chain[0].Issuer.String()))
		}
		return nil
	}
	between := x509.NewCertPool()
	for _, i := range chain[1:] {
		between.AddCert(i)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: c.issuers, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return unusable("ca %s: the CA's chain leads to no root of issuer_roots_file: %w", c.name, err)
	}
	return nil
}

// unusable is the fault of a CA that issued what must not be deployed.
func unusable(format string, args ...any) error {
	return &fault.Error{Kind: fault.Validation, Elsewhere: true, Err: fmt.Errorf(format, args...)}
}

// fetchChain downloads the CA's chain, or the alternate one (RFC 8555, 7.4.2)
// that leads to the preferred root.
func (s *session) fetchChain(url string) ([]byte, error) {
	preferred := s.ca.options.PreferredChain
	if preferred == "" {
		chain, _, err := s.core.Certificates.Get(url, true)
		return chain, err
	}
	all, err := s.core.Certificates.GetAll(url, true)
	if err != nil {
		return nil, err
	}
	for _, candidate := range all {
		if chain, err := cert.DecodeChain(candidate.Cert); err == nil && chain[len(chain)-1].Issuer.CommonName == preferred {
			return candidate.Cert, nil
		}
	}
	if first := all[url]; first != nil {
		return first.Cert, nil
	}
	return nil, fault.New(fault.Unavailable, "the CA sent no chain")
}
