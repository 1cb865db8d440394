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

const snapshotFile = "snapshot.json"

// Snapshot gives what is needed to begin the workflow of a certificate again;
// fault.NotFound if nothing was kept.
func (s *Store) Snapshot(ctx context.Context, name string) (cert.Snapshot, error) {
	r, err := s.certificate(name)
	if err != nil {
		return cert.Snapshot{}, err
	}
	return s.snapshot(ctx, r)
}

func (s *Store) snapshot(ctx context.Context, r room) (out cert.Snapshot, err error) {
	data, err := r.read(ctx, snapshotFile)
	if err != nil {
		return out, err
	}
	if json.Unmarshal(data, &out) != nil || len(out.State) == 0 {
		return out, s.damaged(r.join(snapshotFile), errors.New("it is not the JSON of a snapshot"))
	}
	return out, nil
}

// PutSnapshot replaces it. One that knows of fewer journal entries than the stored
// one comes late, and is left out.
func (s *Store) PutSnapshot(ctx context.Context, name string, n cert.Snapshot) error {
	r, err := s.certificate(name)
	if err != nil {
		return err
	}
	if n.Sequence < 1 || !json.Valid(n.State) {
		return fault.New(fault.Invalid, "snapshot of %s: it has no state, or knows of no journal entry", name)
	}
	data, err := json.Marshal(n)
	if err != nil {
		return fault.New(fault.Invalid, "snapshot of %s: %w", name, err)
	}
	return r.locked(ctx, func(r room) error {
		old, err := s.snapshot(ctx, r)
		switch {
		case err == nil && old.Sequence > n.Sequence:
			return r.settle(ctx, ".")
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !fault.Is(err, fault.Configuration): // a damaged one is of no use
			return err
		}
		return r.write(ctx, snapshotFile, append(data, '\n'))
	})
}

// Has reports whether a version of a certificate is there, and whether a snapshot
// is. Neither is opened.
func (s *Store) Has(ctx context.Context, name string, f cert.Fingerprint) (version, snapshot bool, err error) {
	r, err := s.certificate(name)
	if err != nil {
		return false, false, err
	}
	if snapshot, err = r.has(ctx, snapshotFile); err != nil || f == "" {
		return false, snapshot, err
	}
	if err := validFingerprint(f); err != nil {
		return false, snapshot, err
	}
	version, err = r.has(ctx, path.Join("versions", string(f), versionFile))
	return version, snapshot, err
}
