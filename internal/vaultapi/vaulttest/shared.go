package vaulttest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

// One server serves all tests of a package.
var (
	once     sync.Once
	shared   *Vault
	sharedAt string
	errStart error
)

// Shared is the server of this package's tests, with what world says when the
// first of them asks; it skips the test where none was built. A package that calls
// it calls Main, too.
func Shared(t testing.TB, world func() World) *Vault {
	t.Helper()
	Need(t)
	once.Do(func() {
		w := world()
		if sharedAt, errStart = os.MkdirTemp("", "vaulttest"); errStart == nil {
			shared, errStart = Start(context.Background(), sharedAt, w)
		}
	})
	if errStart != nil {
		t.Fatal(errStart)
	}
	return shared
}

// Main runs the tests of a package and ends its server.
func Main(m *testing.M) {
	code := m.Run()
	if shared != nil {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if sharedAt != "" {
		_ = os.RemoveAll(sharedAt)
	}
	os.Exit(code)
}
