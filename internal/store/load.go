package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// load reads a version back and checks that it is what was stored.
func (s *Store) load(ctx context.Context, r room, name string, f cert.Fingerprint) (cert.Version, cert.Pair, error) {
	v, chain, err := s.describe(ctx, r, f)
	if err != nil {
		return cert.Version{}, cert.Pair{}, err
	}
	where := r.join("versions", string(f))
	pair := cert.Pair{Chain: chain, KeptKey: v.KeptKey != ""}
	if !pair.KeptKey {
		if pair.Key, err = s.versionKey(ctx, r, name, f); err != nil {
			return cert.Version{}, cert.Pair{}, err
		}
	}
	if is, _, err := examine(pair); err != nil || is.KeptKey != v.KeptKey {
		return cert.Version{}, cert.Pair{}, s.damaged(where, cmp.Or(err, errMismatch))
	}
	return v, pair, nil
}

func (s *Store) versionKey(ctx context.Context, r room, name string, f cert.Fingerprint) ([]byte, error) {
	blob, err := r.read(ctx, "versions", string(f), keyFile)
	if err != nil {
		return nil, s.incomplete(r.join("versions", string(f)), err)
	}
	return s.sealer.unseal(ctx, object("version", name, string(f)), blob)
}

// describe reads a version without its key.
func (s *Store) describe(ctx context.Context, r room, f cert.Fingerprint) (cert.Version, []byte, error) {
	where := r.join("versions", string(f))
	if there, err := r.has(ctx, path.Join("versions", string(f))); err != nil {
		return cert.Version{}, nil, err
	} else if !there {
		return cert.Version{}, nil, fault.New(fault.NotFound, "store %s: %s: %w", s.medium, where, fs.ErrNotExist)
	}
	chain, err := r.read(ctx, "versions", string(f), chainFile)
	if err != nil {
		return cert.Version{}, nil, s.incomplete(where, err)
	}
	record, err := r.read(ctx, "versions", string(f), versionFile)
	if err != nil {
		return cert.Version{}, nil, s.incomplete(where, err)
	}
	v, err := cert.Pair{Chain: chain}.Version()
	if err == nil && v.Fingerprint != f {
		err = errMismatch
	}
	if err != nil {
		return cert.Version{}, nil, s.damaged(path.Join(where, chainFile), err)
	}
	var stored cert.Version
	if err := json.Unmarshal(record, &stored); err != nil || stored.Fingerprint != f {
		return cert.Version{}, nil, s.damaged(path.Join(where, versionFile), errMismatch)
	}
	v.CA, v.KeptKey = stored.CA, stored.KeptKey
	return v, chain, nil
}

// incomplete keeps a file that is missing inside a version from looking like a
// version that was never stored.
func (s *Store) incomplete(where string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return s.damaged(where, errors.New("a file is missing"))
	}
	return err
}
