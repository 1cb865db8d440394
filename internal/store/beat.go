package store

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"
)

// prober is a Keeper by a key service, which can tell whether that works.
type prober interface {
	// Scheme is the kind of the service; empty: the key is at hand.
	Scheme() string
	// Probe tells whether it can be used; what it said lately may count.
	Probe(context.Context) error
	// Try asks it now.
	Try(context.Context) error
}

// beatFile says when somebody last wrote to the store only to know whether it can
// be written to.
const beatFile = "at"

// Beat writes to the store and reads it back, so that one that is full, gone or
// read-only is known before something has to be kept; and so is a key service that
// is away.
func (s *Store) Beat(ctx context.Context, now time.Time) error {
	if _, err := s.KeyService(ctx); err != nil {
		return err
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

// KeyService tells of the service that holds the key of the store which kind it is,
// and why it cannot be used; what it said lately may count. The kind is empty where
// the key is at hand.
func (s *Store) KeyService(ctx context.Context) (kind string, err error) {
	return s.keyService(ctx, prober.Probe)
}

// TryKeyService is KeyService, asked now.
func (s *Store) TryKeyService(ctx context.Context) (kind string, err error) {
	return s.keyService(ctx, prober.Try)
}

func (s *Store) keyService(ctx context.Context, ask func(prober, context.Context) error) (kind string, err error) {
	k, ok := s.keeper.(prober)
	if !ok || k.Scheme() == "" {
		return "", nil
	}
	if err := ask(k, ctx); err != nil {
		return k.Scheme(), unopened(s.medium.String(), "use the key of", err)
	}
	return k.Scheme(), nil
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
