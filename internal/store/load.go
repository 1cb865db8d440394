package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// load reads a version back and checks that it is what was stored.
func (s *Files) load(ctx context.Context, r room, name string, f cert.Fingerprint) (cert.Version, cert.Pair, error) {
	v, chain, err := s.describe(r, f)
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

func (s *Files) versionKey(ctx context.Context, r room, name string, f cert.Fingerprint) ([]byte, error) {
	blob, err := r.read("versions", string(f), keyFile)
	if err != nil {
		return nil, s.incomplete(r.join("versions", string(f)), err)
	}
	return s.sealer.unseal(ctx, object("version", name, string(f)), blob)
}

// describe reads a version without its key.
func (s *Files) describe(r room, f cert.Fingerprint) (cert.Version, []byte, error) {
	where := r.join("versions", string(f))
	if _, err := s.root.Stat(where); err != nil {
		return cert.Version{}, nil, s.failed(err)
	}
	chain, err := r.read("versions", string(f), chainFile)
	if err != nil {
		return cert.Version{}, nil, s.incomplete(where, err)
	}
	record, err := r.read("versions", string(f), versionFile)
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
func (s *Files) incomplete(where string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return s.damaged(where, errors.New("a file is missing"))
	}
	return err
}

// list gives the names in a folder; none if it is not there.
func (s *Files) list(dir string) ([]string, error) {
	f, err := s.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(err)
	}
	names, err := f.Readdirnames(-1)
	return names, s.failed(errors.Join(err, f.Close()))
}
