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
	"sync/atomic"

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

// unproven is a keeper of which it is not known yet whether it is the store's.
type unproven struct {
	wrapper
	prove  func(context.Context) error
	proven atomic.Bool
}

func (u *unproven) Encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	if !u.proven.Load() {
		if err := u.prove(ctx); err != nil {
			return nil, err
		}
		u.proven.Store(true)
	}
	return u.wrapper.Encrypt(ctx, plain)
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
		return nil, unopened(object, "seal", err)
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
		return nil, unopened(object, "open", err)
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

// errKeyAway marks errors of a key service that may answer later.
var errKeyAway = errors.New("the key-encryption key cannot be asked now")

// KeyIsAway tells whether what was asked failed only because a key service is out
// of reach.
func KeyIsAway(err error) bool { return errors.Is(err, errKeyAway) }

// unopened says why the keeper did not do its part.
func unopened(object, doing string, err error) error {
	kind := keeperKind(err)
	if kind == fault.Configuration {
		return fault.New(kind, "%s %s: the key-encryption key does not fit: %w", doing, object, err)
	}
	return fault.New(kind, "%s %s: %w: %w", doing, object, errKeyAway, err)
}

// keeperKind tells a key service that cannot be reached from a key that is
// wrong; the local keeper reports only the latter, as Unknown.
func keeperKind(err error) fault.Kind {
	if own := (*fault.Error)(nil); errors.As(err, &own) {
		return own.Kind
	}
	switch gcerrors.Code(err) {
	case gcerrors.Internal, gcerrors.DeadlineExceeded, gcerrors.ResourceExhausted, gcerrors.Canceled:
		return fault.Transient
	}
	return fault.Configuration
}
