package store

import (
	"context"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"gocloud.dev/secrets/localsecrets"
)

// How the two halves of a host's key begin, so that none is taken for the other
// or for the key of a store.
const (
	secretPrefix = "nlhost-secret-1_"
	publicPrefix = "nlhost1_"
)

var (
	kem      = hpke.DHKEM(ecdh.X25519())
	encoding = base64.RawURLEncoding
	purpose  = []byte("neverlapse: a version for a host, 1")
)

// PublicHostKey seals what one host alone can open: HPKE in base mode with
// X25519, HKDF-SHA256 and AES-256-GCM (RFC 9180).
type PublicHostKey struct{ key hpke.PublicKey }

// ParsePublicHostKey reads what String wrote.
func ParsePublicHostKey(text string) (PublicHostKey, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), publicPrefix)
	if strings.HasPrefix(text, secretPrefix) {
		return PublicHostKey{}, errors.New("this is the secret half of a host's key, which belongs on the host alone; make another there, and write here what begins with " + publicPrefix)
	}
	raw, err := encoding.DecodeString(rest)
	if err != nil || !ok {
		return PublicHostKey{}, errors.New("not the key of a host, which begins with " + publicPrefix + "; print it on the host with: neverlapse-worker --role target --queue HOST --init")
	}
	key, err := kem.NewPublicKey(raw)
	if err != nil {
		return PublicHostKey{}, fmt.Errorf("not the key of a host: %w", err)
	}
	return PublicHostKey{key}, nil
}

// String is the key as it is written into the configuration of the centre.
func (k PublicHostKey) String() string { return publicPrefix + encoding.EncodeToString(k.key.Bytes()) }

// Encrypt wraps a data key.
func (k PublicHostKey) Encrypt(_ context.Context, plain []byte) ([]byte, error) {
	return hpke.Seal(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), purpose, plain)
}

// Decrypt is not what a public key can do.
func (k PublicHostKey) Decrypt(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("only the host opens what was sealed for it")
}

// hostKey is the credential of a host.
type hostKey struct{ key hpke.PrivateKey }

// GenerateHostKeyFile makes the key of a host, mode 0600. A file that exists is
// never overwritten: fault.Conflict.
func GenerateHostKeyFile(path string) error {
	return generate(path, func() (string, error) {
		key, err := kem.GenerateKey()
		if err != nil {
			return "", err
		}
		raw, err := key.Bytes()
		return secretPrefix + encoding.EncodeToString(raw), err
	})
}

func parseHostKey(text string) (hostKey, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	raw, err := encoding.DecodeString(rest)
	if err != nil || !ok {
		return hostKey{}, errors.New("does not hold the key of a host; make one with: neverlapse-worker --role target --queue HOST --init (the key of the store belongs on no host)")
	}
	key, err := kem.NewPrivateKey(raw)
	if err != nil {
		return hostKey{}, errors.New("does not hold the key of a host")
	}
	return hostKey{key}, nil
}

func (k hostKey) public() PublicHostKey { return PublicHostKey{k.key.PublicKey()} }

// Decrypt unwraps a data key.
func (k hostKey) Decrypt(_ context.Context, wrapped []byte) ([]byte, error) {
	return hpke.Open(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), purpose, wrapped)
}

// Encrypt wraps one that this host alone opens.
func (k hostKey) Encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	return k.public().Encrypt(ctx, plain)
}

// own is the key for what the host keeps for itself. It is a symmetric one, so
// that nobody else can make what the host would take for its own.
func (k hostKey) own() (wrapper, error) {
	raw, err := k.key.Bytes()
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, raw, nil, "neverlapse: what a host keeps, 1", keySize)
	if err != nil {
		return nil, err
	}
	return localsecrets.NewKeeper([keySize]byte(key)), nil
}
