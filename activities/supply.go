package activities

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// SupplyInput is about the version that people order for a certificate. Nothing
// in it is secret.
type SupplyInput struct {
	IssueInput
	Subject string `json:"subject,omitempty"` // of the request: O=...,C=KR
	New     bool   `json:"new,omitempty"`     // another key than the one requested with before
	Chain   []byte `json:"chain,omitempty"`   // PEM, as the CA issued it
}

// Requested makes a key in the store and gives the certificate request (PEM) for
// it; the same one again, until what was ordered is supplied.
func (a *Activities) Requested(ctx context.Context, in SupplyInput) ([]byte, error) {
	out, err := a.requested(ctx, in)
	return out, toTemporal(err, a.Now())
}

func (a *Activities) requested(ctx context.Context, in SupplyInput) ([]byte, error) {
	if _, err := a.supplier(in.CA); err != nil {
		return nil, err
	}
	if in.CSR != nil {
		return a.requestedBefore(in)
	}
	subject, err := cert.ParseSubject(in.Subject)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	if in.New {
		in.ReuseKey = false
		iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
		if err == nil {
			_, err = a.Store.PutIssuance(ctx, cleared(iss))
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, ours(err)
		}
	}
	iss, err := a.prepared(ctx, in.IssueInput)
	if err != nil {
		return nil, err
	}
	if in.Subject != "" {
		key, err := a.Store.Key(ctx, in.Name, iss.KeyRef)
		if err != nil {
			return nil, ours(err)
		}
		if iss.CSR, err = request(key, in.Names, subject); err != nil {
			return nil, fault.New(fault.Invalid, "%w", err)
		}
		if iss, err = a.Store.PutIssuance(ctx, iss); err != nil {
			return nil, ours(err)
		}
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: iss.CSR}), nil
}

// Supply checks what people brought against its key in the store, the names and
// the date, and keeps it as the candidate. The key is the one of a request, or
// was put into the store before; it never comes along.
func (a *Activities) Supply(ctx context.Context, in SupplyInput) (cert.Version, error) {
	v, err := a.supply(ctx, in)
	return v, toTemporal(err, a.Now())
}

func (a *Activities) supply(ctx context.Context, in SupplyInput) (cert.Version, error) {
	ca, err := a.supplier(in.CA)
	if err != nil {
		return cert.Version{}, err
	}
	chain, err := cert.DecodeChain(in.Chain)
	if err != nil {
		return cert.Version{}, fault.New(fault.Invalid, "the chain: %w", err)
	}
	pair, err := a.suppliedPair(ctx, in, chain)
	if err != nil {
		return cert.Version{}, err
	}
	if err := pair.Check(in.Names, a.Now()); err != nil {
		return cert.Version{}, fault.New(fault.Invalid, "it cannot be used: %w", err)
	}
	if err := ca.Complete(pair.Chain); err != nil {
		return cert.Version{}, err
	}
	v, err := a.Store.PutVersion(ctx, in.Name, in.CA, pair)
	if err != nil {
		return cert.Version{}, ours(err)
	}
	if err := a.unrevoked(ctx, in.Name, v.Fingerprint); err != nil {
		return cert.Version{}, err
	}
	iss, err := a.Store.Issuance(ctx, in.Name, in.Replaces)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return cert.Version{}, ours(err)
	}
	iss.Certificate, iss.Replaces, iss.CA, iss.Names, iss.KeyType, iss.Profile = in.Name, in.Replaces, in.CA, in.Names, in.KeyType, in.Profile
	if iss.KeptKey = in.CSR != nil; iss.KeptKey {
		iss.CSR, iss.KeyRef = in.CSR.DER, ""
	}
	iss.Candidate = v.Fingerprint
	iss.Rejected = slices.DeleteFunc(iss.Rejected, func(f cert.Fingerprint) bool { return f == v.Fingerprint }) // a human brings it again
	_, err = a.Store.PutIssuance(ctx, iss)
	return v, ours(err)
}

// suppliedPair is the chain with its key, or without one where that stays on its host.
func (a *Activities) suppliedPair(ctx context.Context, in SupplyInput, chain []*x509.Certificate) (cert.Pair, error) {
	pair := cert.Pair{Chain: cert.EncodeChain(chain), KeptKey: in.CSR != nil}
	if !pair.KeptKey {
		var err error
		pair.Key, err = a.suppliedKey(ctx, in.Name, chain[0])
		return pair, err
	}
	if err := a.uncompromised(ctx, in.Name, *in.CSR); err != nil {
		return pair, err
	}
	if err := ofRequest(pair, in.CSR); err != nil {
		return pair, fault.New(fault.Invalid, "%w; order it by the request that neverlapse csr %s prints, or replace that request: neverlapse enroll --cert-name %s --update --csr FILE", err, in.Name, in.Name)
	}
	return pair, nil
}

func (a *Activities) suppliedKey(ctx context.Context, name string, leaf *x509.Certificate) ([]byte, error) {
	ref, err := cert.KeyReference(leaf.PublicKey)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	key, err := a.Store.Key(ctx, name, ref)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.Invalid, "no key of %s belongs to this certificate. If it was ordered by another request than that of: neverlapse csr %s, bring its key too (--key or --pfx)", name, name)
	}
	return key, ours(err)
}

func (a *Activities) supplier(name string) (Supplied, error) {
	ca, err := a.ca(name)
	if err != nil {
		return nil, err
	}
	s, ok := ca.(Supplied)
	if !ok {
		return nil, fault.New(fault.Invalid, "CA %s issues by itself: there is nothing to supply; renew instead", name)
	}
	return s, nil
}
