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

// Issuance gives the pending issuance that replaces a version (empty: the first
// one); fault.NotFound if there is none.
func (s *Store) Issuance(ctx context.Context, name string, replaces cert.Fingerprint) (cert.Issuance, error) {
	r, elem, err := s.issuanceFile(name, replaces)
	if err != nil {
		return cert.Issuance{}, err
	}
	return s.issuance(ctx, r, elem, name, replaces)
}

func (s *Store) issuanceFile(name string, replaces cert.Fingerprint) (room, string, error) {
	r, err := s.certificate(name)
	if err != nil {
		return room{}, "", err
	}
	if replaces == "" {
		return r, "issuances/first.json", nil
	}
	return r, path.Join("issuances", string(replaces)+".json"), validFingerprint(replaces)
}

func (s *Store) issuance(ctx context.Context, r room, elem, name string, replaces cert.Fingerprint) (cert.Issuance, error) {
	data, err := r.read(ctx, elem)
	if err != nil {
		return cert.Issuance{}, err
	}
	var iss cert.Issuance
	if err := json.Unmarshal(data, &iss); err != nil {
		return cert.Issuance{}, s.damaged(r.join(elem), errors.New("it is not the JSON of an issuance"))
	}
	if iss.Certificate != name || iss.Replaces != replaces || iss.Revision < 1 {
		return cert.Issuance{}, s.damaged(r.join(elem), errMismatch)
	}
	return iss, nil
}

// PutIssuance writes the record if its Revision is the stored one (0: none is
// stored) and gives it back with the next; fault.Conflict otherwise.
func (s *Store) PutIssuance(ctx context.Context, iss cert.Issuance) (cert.Issuance, error) {
	r, elem, err := s.issuanceFile(iss.Certificate, iss.Replaces)
	if err != nil {
		return cert.Issuance{}, err
	}
	next := iss
	next.Revision++
	err = r.locked(ctx, func(r room) error {
		stored, err := s.issuance(ctx, r, elem, iss.Certificate, iss.Replaces)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if stored.Revision != iss.Revision {
			return fault.New(fault.Conflict, "issuance of %s was changed meanwhile: revision %d is stored, %d was read", iss.Certificate, stored.Revision, iss.Revision)
		}
		data, err := json.MarshalIndent(next, "", "  ")
		if err != nil {
			return fault.New(fault.Invalid, "issuance of %s: %w", iss.Certificate, err)
		}
		return r.write(ctx, elem, append(data, '\n'))
	})
	if err != nil {
		return cert.Issuance{}, err
	}
	return next, nil
}

// PutKey seals a private key (PKCS#8 PEM) and gives its reference, which is the
// SHA-256 of the public key: storing a key again gives the same one.
func (s *Store) PutKey(ctx context.Context, name string, key []byte) (string, error) {
	r, err := s.certificate(name)
	if err != nil {
		return "", err
	}
	ref, err := keyReference(key)
	if err != nil {
		return "", fault.New(fault.Invalid, "store key of %s: %w", name, err)
	}
	err = r.locked(ctx, func(r room) error {
		if _, err := s.key(ctx, r, name, ref); err == nil {
			return r.settle(ctx, "keys")
		}
		blob, err := s.sealer.seal(ctx, object("key", name, ref), key)
		if err != nil {
			return err
		}
		return r.write(ctx, path.Join("keys", ref+".sealed"), blob)
	})
	if err != nil {
		return "", err
	}
	return ref, nil
}

// Key opens a private key again; fault.NotFound if there is none.
func (s *Store) Key(ctx context.Context, name, ref string) ([]byte, error) {
	r, err := s.certificate(name)
	if err != nil {
		return nil, err
	}
	if len(ref) != 64 || !isHex(ref) {
		return nil, fault.New(fault.Invalid, "key of %s: a reference is 64 lower-case hex digits", name)
	}
	return s.key(ctx, r, name, ref)
}

func (s *Store) key(ctx context.Context, r room, name, ref string) ([]byte, error) {
	blob, err := r.read(ctx, "keys", ref+".sealed")
	if err != nil {
		return nil, err
	}
	key, err := s.sealer.unseal(ctx, object("key", name, ref), blob)
	if err != nil {
		return nil, err
	}
	if got, err := keyReference(key); err != nil || got != ref {
		return nil, s.damaged(r.join("keys", ref+".sealed"), errMismatch)
	}
	return key, nil
}

func keyReference(key []byte) (string, error) {
	signer, err := cert.DecodeKey(key)
	if err != nil {
		return "", err
	}
	return cert.KeyReference(signer.Public())
}
