package store

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"
)

// prober is a Keeper that can tell whether it works.
type prober interface{ Probe(context.Context) error }

// beatFile says when somebody last wrote to the store only to know whether it can
// be written to.
const beatFile = "at"

// Beat writes to the store and reads it back, so that one that is full, gone or
// read-only is known before something has to be kept; and so is a key service that
// is away.
func (s *Store) Beat(ctx context.Context, now time.Time) error {
	if k, ok := s.keeper.(prober); ok {
		if err := k.Probe(ctx); err != nil {
			return unopened(s.medium.String(), "use the keys of", err)
		}
	}
	text := now.UTC().Format(time.RFC3339Nano) + "\n"
	return s.room("beat").locked(ctx, func(r room) error {
		if err := r.write(ctx, beatFile, []byte(text)); err != nil {
			return err
		}
		got, err := r.read(ctx, beatFile)
		if err == nil && string(got) != text {
			err = s.damaged(r.join(beatFile), errMismatch)
		}
		return err
	})
}

// LastBeat is when a worker last wrote to the store only to know that it can; zero
// if none did, or if what it wrote cannot be read.
func (s *Store) LastBeat(ctx context.Context) (time.Time, error) {
	text, err := s.room("beat").read(ctx, beatFile)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	at, _ := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text))) // zero where it is no time
	return at, err
}
