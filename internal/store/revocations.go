package store

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// PutRevocation marks a version as revoked; the first mark stays. A version
// that was not stored is fault.NotFound.
func (s *Store) PutRevocation(ctx context.Context, name string, r cert.Revocation) error {
	in, elem, err := s.revocationFile(name, r.Fingerprint)
	if err != nil {
		return err
	}
	if _, _, err := s.describe(ctx, in, r.Fingerprint); err != nil {
		return err
	}
	return in.locked(ctx, func(in room) error {
		if _, err := in.read(ctx, elem); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		data, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return fault.New(fault.Invalid, "revocation of %s: %w", name, err)
		}
		return in.write(ctx, elem, append(data, '\n'))
	})
}

// Revocation gives the mark of a version; fault.NotFound if it is not revoked.
func (s *Store) Revocation(ctx context.Context, name string, f cert.Fingerprint) (cert.Revocation, error) {
	in, elem, err := s.revocationFile(name, f)
	if err != nil {
		return cert.Revocation{}, err
	}
	data, err := in.read(ctx, elem)
	if err != nil {
		return cert.Revocation{}, err
	}
	var r cert.Revocation
	if err := json.Unmarshal(data, &r); err != nil || r.Fingerprint != f {
		return cert.Revocation{}, s.damaged(in.join(elem), errMismatch)
	}
	return r, nil
}

func (s *Store) revocationFile(name string, f cert.Fingerprint) (room, string, error) {
	r, err := s.certificate(name)
	if err != nil {
		return room{}, "", err
	}
	return r, path.Join("revocations", string(f)+".json"), validFingerprint(f)
}
