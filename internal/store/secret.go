package store

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const secretSize = 32 // bytes

// LinkPurpose is that of the secret which signs links in messages.
const LinkPurpose = "links"

// Secret gives random bytes that belong to a purpose, the same to every process
// and for ever; they are made when they are asked for first, and kept sealed.
func (s *Store) Secret(ctx context.Context, purpose string) ([]byte, error) {
	if purpose == "" {
		return nil, fault.New(fault.Invalid, "secret: the purpose is empty")
	}
	r, elem := s.room("secrets"), component(purpose)+".sealed"
	open := func(r room) ([]byte, error) { return s.openSecret(ctx, r, purpose) }
	out, err := open(r)
	if errors.Is(err, fs.ErrNotExist) && purpose == LinkPurpose {
		out, err = s.earlierLinkKey(ctx)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return out, err
	}
	err = r.locked(ctx, func(r room) error {
		if out, err = open(r); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		out = make([]byte, secretSize)
		rand.Read(out) // never fails, see crypto/rand
		blob, err := s.sealer.seal(ctx, object("secret", purpose), out)
		if err != nil {
			return err
		}
		return r.write(ctx, elem, blob)
	})
	return out, err
}

// MadeSecret is Secret, but makes none: fs.ErrNotExist.
func (s *Store) MadeSecret(ctx context.Context, purpose string) ([]byte, error) {
	return s.openSecret(ctx, s.room("secrets"), purpose)
}

func (s *Store) openSecret(ctx context.Context, r room, purpose string) ([]byte, error) {
	blob, err := r.read(ctx, component(purpose)+".sealed")
	if err != nil {
		return nil, err
	}
	return s.sealer.unseal(ctx, object("secret", purpose), blob)
}

// earlierLinkKey reads the key of links where stores had it that were made before
// it was a secret like the others: links that were sent with it stay good.
func (s *Store) earlierLinkKey(ctx context.Context) ([]byte, error) {
	blob, err := s.room("links").read(ctx, "key.json")
	if err != nil {
		return nil, err
	}
	return s.sealer.unseal(ctx, object("links"), blob)
}
