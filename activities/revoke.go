package activities

import (
	"context"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// RevokeInput names a version that shall be ended, and why.
type RevokeInput struct {
	Name        string                `json:"name"`
	Fingerprint cert.Fingerprint      `json:"fingerprint"`
	Reason      cert.RevocationReason `json:"reason"`
	By          string                `json:"by"`
}

// Revoke has the CA that issued a version revoke it, and marks it in the store,
// so that it is deployed no more. Done again it changes nothing.
func (a *Activities) Revoke(ctx context.Context, in RevokeInput) error {
	return a.attended(ctx, func(ctx context.Context, _ func(string)) error { return a.revoke(ctx, in) })
}

func (a *Activities) revoke(ctx context.Context, in RevokeInput) error {
	pair, err := a.Store.Pair(ctx, in.Name, in.Fingerprint)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Configuration, "the store has no version %s of %s: it was not issued here, so revoke it where it was", in.Fingerprint.Short(), in.Name)
	}
	if err != nil {
		return ours(err)
	}
	revoker, err := a.revoker(ctx, in)
	if err != nil {
		return err
	}
	var key []byte
	if in.Reason == cert.KeyCompromise && !pair.KeptKey { // who shows the key is believed, and the CA blocks it
		key = pair.Key
	}
	if err := revoker.Revoke(ctx, pair.Chain, key, in.Reason); err != nil {
		return err
	}
	at := a.Now().UTC().Truncate(time.Second)
	return ours(a.Store.PutRevocation(ctx, in.Name, cert.Revocation{Fingerprint: in.Fingerprint, Reason: in.Reason, At: at, By: in.By}))
}

// revoker is the CA that issued the version.
func (a *Activities) revoker(ctx context.Context, in RevokeInput) (Revoker, error) {
	versions, err := a.Store.Versions(ctx, in.Name)
	if err != nil {
		return nil, ours(err)
	}
	for _, v := range versions {
		if v.Fingerprint != in.Fingerprint {
			continue
		}
		ca, err := a.ca(v.CA)
		if err != nil {
			return nil, err
		}
		if r, ok := ca.(Revoker); ok {
			return r, nil
		}
		return nil, fault.New(fault.Configuration, "the CA %s takes no revocations from Neverlapse; revoke %s, serial %s, with the CA itself", v.CA, in.Fingerprint.Short(), v.Serial)
	}
	return nil, fault.New(fault.Configuration, "the store has no version %s of %s", in.Fingerprint.Short(), in.Name)
}

// unrevoked is a fault.Configuration if the version was revoked.
func (a *Activities) unrevoked(ctx context.Context, name string, f cert.Fingerprint) error {
	r, err := a.Store.Revocation(ctx, name, f)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return ours(err)
	}
	return fault.New(fault.Configuration, "version %s of %s was revoked at %s (%s): it must not be deployed", f.Short(), name, r.At.Format(time.RFC3339), r.Reason)
}
