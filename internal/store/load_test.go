package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

// Only the store itself can seal a wrong key in the right place, so this test
// stands inside the package.
func TestAStoredKeyThatIsNotTheLeafsIsNeverGivenOut(t *testing.T) {
	dir, ctx := filepath.Join(t.TempDir(), "store"), t.Context()
	if err := os.Mkdir(dir, folderMode); err != nil {
		t.Fatal(err)
	}
	s, err := OpenFiles(ctx, dir, localsecrets.NewKeeper([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	pair, _, err := storetest.NewPair("www.example.com", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := storetest.NewPair("www.example.com", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.PutVersion(ctx, "www", "ca", pair)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := s.sealer.seal(ctx, object("version", "www", string(v.Fingerprint)), other.Key)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "certificates/www/versions", string(v.Fingerprint), keyFile)
	if err := os.WriteFile(name, blob, fileMode); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pair(ctx, "www", v.Fingerprint); !fault.Is(err, fault.Configuration) {
		t.Errorf("kind %q: %v", fault.KindOf(err), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
