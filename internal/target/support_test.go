package target_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readPair(chain, key string) (cert.Pair, error) {
	c, err := os.ReadFile(chain)
	if err != nil {
		return cert.Pair{}, err
	}
	k, err := os.ReadFile(key)
	return cert.Pair{Chain: c, Key: k}, err
}

// writePair puts a pair where somebody else would have put it.
func writePair(t testing.TB, dir string, keyMode os.FileMode) cert.Pair {
	t.Helper()
	pair := targettest.Fresh(t)
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "fullchain.pem"), pair.Chain, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "privkey.pem"), pair.Key, 0o600))
	must(t, os.Chmod(filepath.Join(dir, "privkey.pem"), keyMode))
	return pair
}

func install(t testing.TB, target targettest.Target, pair cert.Pair) (before []byte) {
	t.Helper()
	before, err := target.Capture(t.Context())
	must(t, err)
	must(t, target.Install(t.Context(), pair, before))
	return before
}
