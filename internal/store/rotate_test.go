package store_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// failing is a keeper that wraps so many data keys and then no more.
type failing struct {
	store.Keeper
	left int
}

func (f *failing) Encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	if f.left--; f.left < 0 {
		return nil, errors.New("power was lost")
	}
	return f.Keeper.Encrypt(ctx, plain)
}

func TestARotationThatIsCutShortHarmsNothingAndGoesOn(t *testing.T) {
	dir, ctx := newDir(t), t.Context()
	s := open(t, dir)
	f := writeOneOfEach(t, s)
	writeOneOfEach(t, s)
	link, err := s.Secret(ctx, "links")
	must(t, err)
	with := func(now store.Keeper, old ...store.Keeper) (*store.Store, error) {
		s, err := store.OpenFiles(ctx, dir, store.NewRing(now, old...))
		if err == nil {
			t.Cleanup(func() { must(t, s.Close()) })
		}
		return s, err
	}
	reads := func(s *store.Store) {
		t.Helper()
		_, err := s.Pair(ctx, "www", f)
		must(t, err)
		again, err := s.Secret(ctx, "links")
		must(t, err)
		if !bytes.Equal(again, link) {
			t.Error("another secret")
		}
		walk(t, dir, func(name string, _ fs.FileInfo) {
			if strings.Contains(name, "/accounts/") && strings.HasSuffix(name, ".json") {
				_, err := s.Account(ctx, "ca", strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "ca,"), ".json"))
				must(t, err)
			}
		})
	}
	old := func() store.Keeper { return localsecrets.NewKeeper(rightKey) }
	next := func() store.Keeper { return localsecrets.NewKeeper(otherKey) }
	if _, err := s.RotateKey(ctx); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "old_keys") {
		t.Errorf("without an older key: %v", err)
	}
	before := everyByte(t, dir)
	cut, err := with(&failing{next(), 4}, old())
	must(t, err)
	done, err := cut.RotateKey(ctx)
	if err == nil || done.Anew != 4 || bytes.Equal(before, everyByte(t, dir)) {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = with(next())
	wantKind(t, err, fault.Configuration, "key-encryption key")

	both, err := with(next(), old())
	must(t, err)
	reads(both)
	writeOneOfEach(t, both) // work goes on meanwhile, under the new key
	done, err = both.RotateKey(ctx)
	must(t, err)
	if done.Anew == 0 || done.Sealed-done.Anew < 4 {
		t.Errorf("%+v", done)
	}
	if again, err := both.RotateKey(ctx); err != nil || again.Anew != 0 || again.Sealed != done.Sealed {
		t.Errorf("again: %+v, %v", again, err)
	}
	only, err := with(next())
	must(t, err)
	reads(only)
	_, err = with(old())
	wantKind(t, err, fault.Configuration, "key-encryption key")
}

func TestAPieceThatNoKeyOpensIsNamedAndTheOldKeyStaysNeeded(t *testing.T) {
	dir, ctx := newDir(t), t.Context()
	writeOneOfEach(t, open(t, dir))
	name := filepath.Join(dir, "certificates/www/captures/lost,target.sealed")
	must(t, os.WriteFile(name, []byte(`{"object": "x", "key": "AAAA", "sealed": "AAAA"}`), 0o600))
	ring := store.NewRing(localsecrets.NewKeeper(otherKey), localsecrets.NewKeeper(rightKey))
	s, err := store.OpenFiles(ctx, dir, ring)
	must(t, err)
	done, err := s.RotateKey(ctx)
	wantKind(t, err, fault.Configuration, "lost,target.sealed")
	must(t, s.PutAccount(ctx, cert.Account{CA: "ca", Email: "x", Key: mustKey(t)}))
	must(t, os.Remove(name))
	rest, err := s.RotateKey(ctx)
	must(t, err)
	if done.Anew == 0 || rest.Anew != 1 {
		t.Errorf("first %+v, then %+v, want the key check alone", done, rest)
	}
	must(t, s.Close())
}

func mustKey(t *testing.T) []byte {
	t.Helper()
	k, err := cert.GenerateKey(cert.EC256)
	must(t, err)
	pem, err := cert.EncodeKey(k)
	must(t, err)
	return pem
}
