package activities

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// CanaryName is under what name the versions of the canary certificate are kept.
// No certificate is enrolled under it.
const CanaryName = "neverlapse-canary"

// admitName refuses a name that no certificate can have.
func admitName(name string) error {
	if err := cert.ValidateName(name); err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	if name == CanaryName {
		return fault.New(fault.Invalid, "%s is the name of the canary certificate; choose another one", name)
	}
	return nil
}

// PrepareCanary refuses what cannot work, makes the places of its target those of
// the canary, and gives the kind of key.
func (a *Activities) PrepareCanary(ctx context.Context, r AdmitRequest) (cert.KeyType, error) {
	kind, err := a.prepareCanary(ctx, r)
	return kind, toTemporal(err, a.Now())
}

func (a *Activities) prepareCanary(ctx context.Context, r AdmitRequest) (cert.KeyType, error) {
	if _, err := a.ca(r.CA); err != nil {
		return "", err
	}
	asked, err := a.screen(r)
	if err != nil {
		return "", err
	}
	kind, err := cert.ParseKeyType(string(asked))
	if err != nil {
		return "", fault.New(fault.Invalid, "%w", err)
	}
	places, err := a.identities(ctx, r.Targets)
	if err != nil {
		return "", err
	}
	return kind, a.Store.Claim(ctx, CanaryName, places)
}

// ReadCanary reads a version back out of the store and checks that chain and key
// belong together, cover the names and are in date.
func (a *Activities) ReadCanary(ctx context.Context, in CanaryVersion) error {
	pair, err := a.Store.Pair(ctx, CanaryName, in.Fingerprint)
	if err != nil {
		return toTemporal(ours(err), a.Now())
	}
	if err := pair.Check(in.Names, a.Now()); err != nil {
		return toTemporal(fault.New(fault.Proof, "what was issued is no good: %w", err), a.Now())
	}
	return nil
}

// CanaryVersion is a version of the canary certificate, and what it has to cover.
type CanaryVersion struct {
	Fingerprint cert.Fingerprint `json:"fingerprint"`
	Names       []string         `json:"names"`
}
