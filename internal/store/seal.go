package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"gocloud.dev/gcerrors"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// sealer encloses each object under a data key of its own, which the keeper
// wraps: the key-encryption key meets 32 bytes an object, so it may live in a
// key service that never gives it out.
type sealer struct{ keeper wrapper }

// wrapper protects data keys. A Keeper is one; the key of a host is another.
type wrapper interface {
	Encrypt(ctx context.Context, plain []byte) ([]byte, error)
	Decrypt(ctx context.Context, wrapped []byte) ([]byte, error)
}

// Keeper holds the key-encryption key of a store, or asks whoever holds it. A
// *secrets.Keeper is one.
type Keeper interface {
	wrapper
	Close() error
}

// envelope is a sealed object as it is stored.
type envelope struct {
	// Object tells a human what is inside. What binds is the associated data.
	Object string `json:"object"`
	// Key is the AES-256 data key, wrapped by the keeper.
	Key []byte `json:"key"`
	// Sealed is nonce and AES-GCM ciphertext, the object's identity being associated data.
	Sealed []byte `json:"sealed"`
}

// object is the identity of a sealed thing: different for different parts,
// whatever bytes they hold.
func object(parts ...string) string {
	for i, p := range parts {
		parts[i] = strconv.Quote(p)
	}
	return strings.Join(parts, " ")
}

func (s sealer) seal(ctx context.Context, object string, plain []byte) ([]byte, error) {
	key := make([]byte, 32)
	defer clear(key)
	rand.Read(key) // never fails, see crypto/rand
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	wrapped, err := s.keeper.Encrypt(ctx, key)
	if err != nil {
		return nil, fault.New(keeperKind(err), "seal %s: the key-encryption key cannot be used: %w", object, err)
	}
	blob, err := json.MarshalIndent(envelope{
		Object: object,
		Key:    wrapped,
		Sealed: aead.Seal(nil, nil, plain, []byte(object)),
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(blob, '\n'), nil
}

func (s sealer) unseal(ctx context.Context, object string, blob []byte) ([]byte, error) {
	var e envelope
	if err := json.Unmarshal(blob, &e); err != nil {
		return nil, fault.New(fault.Configuration, "open %s: not a sealed object", object)
	}
	key, err := s.keeper.Decrypt(ctx, e.Key)
	if err != nil {
		return nil, fault.New(keeperKind(err), "open %s: the key-encryption key does not fit: %w", object, err)
	}
	defer clear(key)
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, e.Sealed, []byte(object))
	if err != nil {
		return nil, fault.New(fault.Configuration, "open %s: it was altered, or sealed as another object", object)
	}
	return plain, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errors.New("data key has a wrong length")
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// keeperKind tells a key service that cannot be reached from a key that is
// wrong; the local keeper reports only the latter, as Unknown.
func keeperKind(err error) fault.Kind {
	switch gcerrors.Code(err) {
	case gcerrors.Internal, gcerrors.DeadlineExceeded, gcerrors.ResourceExhausted, gcerrors.Canceled:
		return fault.Transient
	}
	return fault.Configuration
}
