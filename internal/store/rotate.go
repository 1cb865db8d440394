package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Ring is a key-encryption key, and those that it replaces. It wraps with the
// first alone and opens what any of them wrapped.
type Ring struct {
	now Keeper
	old []Keeper
}

// NewRing closes all keepers when it is closed.
func NewRing(now Keeper, old ...Keeper) Ring { return Ring{now, old} }

// Encrypt wraps a data key with the key that counts now.
func (r Ring) Encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	return r.now.Encrypt(ctx, plain)
}

// Decrypt unwraps a data key with whichever key fits. Where none does and one
// could not be asked, that one may be it.
func (r Ring) Decrypt(ctx context.Context, wrapped []byte) ([]byte, error) {
	var errs []error
	for _, k := range append([]Keeper{r.now}, r.old...) {
		plain, err := k.Decrypt(ctx, wrapped)
		if err == nil {
			return plain, nil
		}
		if kind := keeperKind(err); kind != fault.Configuration {
			errs = append([]error{fault.New(kind, "%w", err)}, errs...)
		} else {
			errs = append(errs, err)
		}
	}
	return nil, errors.Join(errs...)
}

// Scheme is the kind of the service that holds the key that counts; empty: none does.
func (r Ring) Scheme() string {
	if p, ok := r.now.(prober); ok {
		return p.Scheme()
	}
	return ""
}

// Probe tells whether the key that counts can be used.
func (r Ring) Probe(ctx context.Context) error {
	if p, ok := r.now.(prober); ok {
		return p.Probe(ctx)
	}
	return nil
}

// Try is Probe, asked now.
func (r Ring) Try(ctx context.Context) error {
	if p, ok := r.now.(prober); ok {
		return p.Try(ctx)
	}
	return nil
}

// Close gives back all keepers.
func (r Ring) Close() error {
	err := r.now.Close()
	for _, k := range r.old {
		err = errors.Join(err, k.Close())
	}
	return err
}

// Rotated is what a rotation of the key-encryption key did.
type Rotated struct {
	Sealed int `json:"sealed"` // data keys there are
	Anew   int `json:"anew"`   // of them wrapped anew this time
}

// RotateKey wraps every data key anew that an older key of the Ring wraps, or an
// older version of the key that counts, where a key service has versions; the data
// stay as they are. It may be cut short at any point and begun again: what
// was done stays done, and the Ring opens both. The key check comes last, so that
// the store is not opened without the older key before. What is sealed for hosts
// is their own keys'. A piece that no key opens is told, and the others are done.
func (s *Store) RotateKey(ctx context.Context) (Rotated, error) {
	ring, ok := s.keeper.(Ring)
	if _, remote := ring.now.(*Remote); !ok || len(ring.old) == 0 && !remote {
		return Rotated{}, fault.New(fault.Configuration, "store %s: there is no older key to rotate from; put the new key where the key is configured, and the one it replaces below old_keys", s.medium)
	}
	names, err := s.medium.Names(ctx)
	if err != nil {
		return Rotated{}, err
	}
	names = slices.DeleteFunc(names, func(n Name) bool {
		ext := path.Ext(n.Elem)
		return n.Elem == keyCheckFile || ext != ".sealed" && ext != ".json" || strings.HasPrefix(n.Room.Path, "hosts/")
	})
	var done Rotated
	var errs []error
	for _, n := range names {
		if err := s.rotate(ctx, ring, n, &done); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := errors.Join(errs...); err != nil {
		return done, err
	}
	return done, s.rotate(ctx, ring, NameIn(".", keyCheckFile), &done)
}

func (s *Store) rotate(ctx context.Context, ring Ring, n Name, done *Rotated) error {
	sealed, anew := false, false
	err := enter(s.medium, n.Room).locked(ctx, func(r room) error {
		data, err := r.read(ctx, n.Elem)
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		var out []byte
		if out, sealed, err = rewrapPiece(ctx, ring, data); err != nil {
			return fault.New(keeperKind(err), "store %s: %s: %w", s.medium, r.join(n.Elem), err)
		}
		if anew = out != nil; !anew {
			return nil
		}
		return r.write(ctx, n.Elem, out)
	})
	if err == nil && sealed {
		done.Sealed++
		if anew {
			done.Anew++
		}
	}
	return err
}

// rewrapPiece gives a piece with its data key wrapped anew; nil where the key that
// counts wraps it already, or nothing is sealed in it.
func rewrapPiece(ctx context.Context, ring Ring, data []byte) (out []byte, sealed bool, err error) {
	var outer struct {
		Object string          `json:"object"`
		Key    json.RawMessage `json:"key"`
		Sealed []byte          `json:"sealed"`
	}
	switch {
	case json.Unmarshal(data, &outer) != nil:
		return nil, false, nil
	case len(outer.Sealed) > 0:
		out, err = rewrap(ctx, ring, data)
		return out, true, err
	case !bytes.Contains(outer.Key, []byte(`"sealed"`)):
		return nil, false, nil
	}
	var a account
	if json.Unmarshal(data, &a) != nil {
		return nil, false, nil
	}
	inner, err := rewrap(ctx, ring, a.Sealed)
	if err != nil || inner == nil {
		return nil, true, err
	}
	a.Sealed = inner
	out, err = json.MarshalIndent(a, "", "  ")
	return append(out, '\n'), true, err
}

func rewrap(ctx context.Context, ring Ring, blob []byte) ([]byte, error) {
	var e envelope
	if err := json.Unmarshal(blob, &e); err != nil {
		return nil, errors.New("it is not a sealed object")
	}
	key, err := ring.now.Decrypt(ctx, e.Key)
	if err == nil {
		var aged bool
		if r, ok := ring.now.(*Remote); ok {
			aged, err = r.Aged(ctx, e.Key)
		}
		if !aged {
			clear(key)
			return nil, err
		}
	} else if key, err = ring.Decrypt(ctx, e.Key); err != nil {
		return nil, fmt.Errorf("neither the key nor an older one fits: %w", err)
	}
	defer clear(key)
	if e.Key, err = ring.now.Encrypt(ctx, key); err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(e, "", "  ")
	return append(out, '\n'), err
}
