package activities

import (
	"context"
	"crypto/x509/pkix"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// key is a new one, unless the spec says to keep the key of the version being replaced.
func (a *Activities) key(ctx context.Context, in IssueInput) ([]byte, error) {
	if in.ReuseKey && in.Replaces != "" && a.unrevoked(ctx, in.Name, in.Replaces) == nil {
		pair, err := a.Store.Pair(ctx, in.Name, in.Replaces)
		if err == nil || !fault.Is(err, fault.NotFound) {
			return pair.Key, ours(err)
		}
	}
	key, err := cert.GenerateKey(in.KeyType)
	if err != nil {
		return nil, fault.New(fault.Configuration, "%w", err)
	}
	return cert.EncodeKey(key)
}

func request(keyPEM []byte, names []string, subject pkix.Name) ([]byte, error) {
	key, err := cert.DecodeKey(keyPEM)
	if err != nil {
		return nil, err
	}
	return cert.Request(key, names, subject)
}
