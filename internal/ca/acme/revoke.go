package acme

import (
	"context"
	"encoding/base64"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Revoke has the CA revoke the leaf of a chain (RFC 8555, 7.6). With the
// certificate's own key (PEM) the request is signed by that, which proves to the
// CA that whoever asks holds it; a CA that does not take it is asked by the
// account. A certificate that is revoked already is no error.
func (c *CA) Revoke(ctx context.Context, chain, key []byte, reason cert.RevocationReason) error {
	certs, err := cert.DecodeChain(chain)
	if err != nil {
		return fault.New(fault.Invalid, "ca %s: %w", c.name, err)
	}
	code := reason.Code()
	message := legoacme.RevokeCertMessage{Certificate: base64.RawURLEncoding.EncodeToString(certs[0].Raw), Reason: &code}
	if len(key) > 0 {
		signer, err := cert.DecodeKey(key)
		if err != nil {
			return fault.New(fault.Invalid, "ca %s: %w", c.name, err)
		}
		s, err := c.openAs(ctx, "", signer)
		if err == nil {
			err = s.revoke(message)
		}
		if !fault.Is(err, fault.Configuration) {
			return err
		}
	}
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	return s.revoke(message)
}

func (s *session) revoke(message legoacme.RevokeCertMessage) error {
	d, err := s.ca.readDirectory(s.ctx)
	if err != nil {
		return err
	}
	if d.RevokeCertURL == "" {
		return fault.New(fault.Configuration, "ca %s: its directory names no revokeCert: it takes no revocations by ACME", s.ca.name)
	}
	var raw error
	_, err = at(s, "revoke", d.RevokeCertURL, func(string) (any, error) {
		raw = s.core.Certificates.Revoke(message)
		return nil, raw
	})
	if isProblem(raw, "alreadyRevoked") {
		return nil
	}
	return err
}
