package store

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Live gives the proven version of a certificate; empty if there is none.
func (s *Store) Live(ctx context.Context, name string) (cert.Fingerprint, error) {
	r, err := s.certificate(name)
	if err != nil {
		return "", err
	}
	return s.live(ctx, r)
}

func (s *Store) live(ctx context.Context, r room) (cert.Fingerprint, error) {
	data, err := r.read(ctx, liveFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	f := cert.Fingerprint(strings.TrimSpace(string(data)))
	if f == "" {
		return "", nil
	}
	if err := validFingerprint(f); err != nil {
		return "", s.damaged(r.join(liveFile), err)
	}
	return f, nil
}

// SetLive makes f the live version if expect still is it, fault.Conflict
// otherwise; making it what it already is succeeds. An f that was not stored is
// fault.NotFound; an empty f means none.
func (s *Store) SetLive(ctx context.Context, name string, f, expect cert.Fingerprint) error {
	r, err := s.certificate(name)
	if err != nil {
		return err
	}
	if f != "" {
		if err := validFingerprint(f); err != nil {
			return err
		}
		if _, _, err := s.describe(ctx, r, f); err != nil {
			return err
		}
	}
	return r.locked(ctx, func(r room) error {
		current, err := s.live(ctx, r)
		if err != nil {
			return err
		}
		if current == f {
			return r.settle(ctx, ".")
		}
		if current != expect {
			return fault.New(fault.Conflict, "live version of %s is %q, not %q as expected", name, current.Short(), expect.Short())
		}
		return r.write(ctx, liveFile, []byte(f+"\n"))
	})
}
