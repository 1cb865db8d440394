package acme_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/transit"
	"github.com/neverlapse/neverlapse/internal/vaultapi"
	"github.com/neverlapse/neverlapse/internal/vaultapi/vaulttest"
)

// The key of the account is sealed under a key that Vault holds. While Vault is
// sealed, or gone, that is told, and nothing of it as a fault of the CA.
func TestAStoreThatCannotBeOpenedIsNoFaultOfTheCA(t *testing.T) {
	t.Parallel()
	vaulttest.Need(t)
	v, err := vaulttest.Start(t.Context(), t.TempDir(), vaulttest.World{
		Tokens: map[string]vaulttest.Policy{vaulttest.Root: vaulttest.Everything}, Mounts: map[string]string{"transit": "transit"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop() })
	v.Do(t, http.MethodPost, "", "transit/keys/neverlapse", map[string]any{})
	line := v.Line(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(vaulttest.Root), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "store")
	opened := func() *store.Store { // as by a worker that begins: each has the key of a period of its own
		t.Helper()
		service, err := transit.New(transit.Options{Key: "neverlapse", Access: vaultapi.Access{Address: line.URL, RootFile: v.RootFile, TokenFile: token}})
		if err != nil {
			t.Fatal(err)
		}
		m, err := store.Folder(dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), m, store.NewRing(store.NewRemote(service, time.Hour)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	w := newWorld(t, pebbletest.Options{})
	client := func(s *store.Store) *acme.CA {
		c, err := acme.New("pebble", w.options, s, acme.Ways{HTTP: w.listener, TLS: w.tls, Resolver: acme.NewResolver([]string{w.Resolver()})})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ctx, order := testContext(t), cert.Order{Names: []string{"www.example.com"}}
	opened() // makes the store
	if _, err := client(opened()).Order(ctx, order); err != nil {
		t.Fatal(err)
	}

	later := client(opened())
	for what, c := range map[string]struct {
		away, back func()
		says       string
	}{
		"sealed": {func() { v.Do(t, http.MethodPost, "", "sys/seal", nil) }, func() { v.Do(t, http.MethodPost, "", "sys/unseal", nil) }, "Vault is sealed"},
		"gone":   {line.Cut, line.Mend, "Vault cannot be reached"},
	} {
		c.away()
		_, err := later.Order(ctx, order)
		kind := fault.KindOf(err)
		if !fault.OfStore(err) || fault.Elsewhere(err) || kind != fault.Unavailable && kind != fault.Transient {
			t.Errorf("%s: a fault of kind %q, of the store: %v: %v", what, kind, fault.OfStore(err), err)
		} else if !strings.Contains(err.Error(), "our store, not the CA pebble, failed to read the account") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
		if a := later.Check(ctx); !a.Reached || !a.ErrStore {
			t.Errorf("%s: %+v", what, a)
		}
		c.back()
	}
	if _, err := later.Order(ctx, order); err != nil {
		t.Errorf("once it is back: %v", err)
	}
}
