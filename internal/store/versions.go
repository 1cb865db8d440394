package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	chainFile   = "chain.pem"
	versionFile = "version.json"
	keyFile     = "key.sealed"
	liveFile    = "live"
)

// PutVersion stores a pair that ca issued, all of it or nothing, and gives its
// version. Storing it again changes nothing and gives what is there. Of the
// chain only the certificates are kept. A pair whose key is not the leaf's, or
// is missing and not declared to stay on its host, is fault.Invalid.
func (s *Store) PutVersion(ctx context.Context, name, ca string, pair cert.Pair) (cert.Version, error) {
	r, err := s.certificate(name)
	if err != nil {
		return cert.Version{}, err
	}
	v, chain, err := examine(pair)
	if err != nil {
		return cert.Version{}, fault.New(fault.Invalid, "store version of %s: %w", name, err)
	}
	v.CA = ca
	folder := path.Join("versions", string(v.Fingerprint))
	err = r.locked(ctx, func(r room) error {
		stored, _, err := s.load(ctx, r, name, v.Fingerprint)
		if err == nil {
			v = stored
			return r.settle(ctx, "versions")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		record, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return err
		}
		files := map[string][]byte{chainFile: chain, versionFile: append(record, '\n')}
		if !pair.KeptKey {
			if files[keyFile], err = s.sealer.seal(ctx, object("version", name, string(v.Fingerprint)), pair.Key); err != nil {
				return err
			}
		}
		return r.change.Place(ctx, folder, files)
	})
	if err != nil {
		return cert.Version{}, err
	}
	return v, nil
}

// examine tells what a pair is, and refuses one that could never be used. The
// chain comes back as certificates and nothing else: it is stored unsealed, so
// a key or a remark that came along with it must not.
func examine(pair cert.Pair) (cert.Version, []byte, error) {
	chain, err := cert.DecodeChain(pair.Chain)
	if err != nil {
		return cert.Version{}, nil, err
	}
	if err := pair.CheckKey(chain[0]); err != nil {
		return cert.Version{}, nil, err
	}
	v, err := pair.Version()
	return v, cert.EncodeChain(chain), err
}

// Pair gives chain and key of a version, the chain alone where the key stays on
// its host; fault.NotFound if there is none.
func (s *Store) Pair(ctx context.Context, name string, f cert.Fingerprint) (cert.Pair, error) {
	r, err := s.certificate(name)
	if err != nil {
		return cert.Pair{}, err
	}
	if err := validFingerprint(f); err != nil {
		return cert.Pair{}, err
	}
	_, pair, err := s.load(ctx, r, name, f)
	return pair, err
}

// Versions lists what was stored for a certificate, newest NotBefore first;
// empty if nothing was. If some are damaged it gives the others and an error.
func (s *Store) Versions(ctx context.Context, name string) ([]cert.Version, error) {
	r, err := s.certificate(name)
	if err != nil {
		return nil, err
	}
	names, err := r.view.List(ctx, "versions")
	if err != nil {
		return nil, err
	}
	var out []cert.Version
	var errs []error
	for _, f := range names {
		if validFingerprint(cert.Fingerprint(f)) != nil {
			continue // not ours: lost+found, a file manager's leavings
		}
		v, _, err := s.describe(ctx, r, cert.Fingerprint(f))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b cert.Version) int {
		return cmp.Or(b.NotBefore.Compare(a.NotBefore), strings.Compare(string(a.Fingerprint), string(b.Fingerprint)))
	})
	return out, errors.Join(errs...)
}
