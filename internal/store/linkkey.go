package store

import (
	"context"
	"crypto/rand"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// linkKeySize is that of HMAC-SHA256.
const linkKeySize = 32

// LinkKey gives the key that signs links in messages. It is made, sealed like
// every key, when it is first asked for; all who share the store have the same.
func (s *Store) LinkKey(ctx context.Context) ([]byte, error) {
	r := s.room("links")
	key, err := s.readLinkKey(ctx, r)
	if !fault.Is(err, fault.NotFound) {
		return key, err
	}
	err = r.locked(ctx, func(r room) error {
		if key, err = s.readLinkKey(ctx, r); !fault.Is(err, fault.NotFound) {
			return err
		}
		key = make([]byte, linkKeySize)
		rand.Read(key) // never fails, see crypto/rand
		blob, err := s.sealer.seal(ctx, object("links"), key)
		if err != nil {
			return err
		}
		return r.write(ctx, "key.json", blob)
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

func (s *Store) readLinkKey(ctx context.Context, r room) ([]byte, error) {
	data, err := r.read(ctx, "key.json")
	if err != nil {
		return nil, err
	}
	return s.sealer.unseal(ctx, object("links"), data)
}
