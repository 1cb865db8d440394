package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"gocloud.dev/secrets/localsecrets"
)

func TestTheKeyOfLinksThatAStoreHasStaysInForce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := localsecrets.NewRandomKey()
	if err != nil {
		t.Fatal(err)
	}
	var s *Store
	reopen := func() {
		t.Helper()
		if s, err = OpenFiles(t.Context(), dir, localsecrets.NewKeeper(key)); err != nil {
			t.Fatal(err)
		}
	}
	reopen()
	earlier := bytes.Repeat([]byte("k"), secretSize)
	blob, err := s.sealer.seal(t.Context(), object("links"), earlier)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.room("links").locked(t.Context(), func(r room) error { return r.write(t.Context(), "key.json", blob) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reopen()
	defer s.Close()
	if got, err := s.Secret(t.Context(), LinkPurpose); err != nil || !bytes.Equal(got, earlier) {
		t.Errorf("%q %v", got, err)
	}
	if other, err := s.Secret(t.Context(), "return paths"); err != nil || bytes.Equal(other, earlier) {
		t.Errorf("another purpose: %q %v", other, err)
	}
}
