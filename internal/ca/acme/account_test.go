package acme_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-acme/lego/v4/acme/api"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestManyProcessesAtOnceMakeOneAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx := testContext(t)
	var group sync.WaitGroup
	for range 4 { // processes
		c := w.client()
		for range 4 { // certificates
			group.Go(func() {
				if _, err := c.Order(ctx, cert.Order{Names: []string{"a.example.com"}}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	stored, err := w.accounts.Account(ctx, "pebble", w.options.Email)
	if err != nil || stored.URL == "" {
		t.Fatalf("stored account %q: %v", stored.URL, err)
	}
	if again, err := w.client().Order(ctx, cert.Order{Names: []string{"a.example.com"}}); err != nil || again == "" {
		t.Fatal(err)
	}
}

func TestAnAccountIsFoundAgainByItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx, order := testContext(t), cert.Order{Names: []string{"a.example.com"}}
	if _, err := w.client().Order(ctx, order); err != nil {
		t.Fatal(err)
	}
	before, err := w.accounts.Account(ctx, "pebble", w.options.Email)
	if err != nil {
		t.Fatal(err)
	}
	lost := before
	lost.URL = "" // the process died before it could store the CA's answer
	if err := w.accounts.PutAccount(ctx, lost); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client().Order(ctx, order); err != nil {
		t.Fatal(err)
	}
	after, err := w.accounts.Account(ctx, "pebble", w.options.Email)
	if err != nil || after.URL != before.URL {
		t.Errorf("account %s became %s: %v", before.URL, after.URL, err)
	}
}

func TestACAThatLostItsDataGetsTheAccountAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := cert.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	unknown := cert.Account{CA: "pebble", Email: w.options.Email, Key: pem, URL: w.Directory()[:len(w.Directory())-len("/dir")] + "/my-account/1"}
	if err := w.accounts.PutAccount(ctx, unknown); err != nil {
		t.Fatal(err)
	}
	chainKey, csr := newRequest(t, cert.EC256, "a.example.com")
	chain, err := w.issue(ctx, same(w.client()), cert.Order{Names: []string{"a.example.com"}}, csr)
	if err != nil {
		t.Fatal(err)
	}
	w.checkChain(chain, chainKey, "a.example.com")
}

func TestADeactivatedAccountNeedsAHuman(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	c, ctx, order := w.client(), testContext(t), cert.Order{Names: []string{"a.example.com"}}
	if _, err := c.Order(ctx, order); err != nil {
		t.Fatal(err)
	}
	stored, err := w.accounts.Account(ctx, "pebble", w.options.Email)
	if err != nil {
		t.Fatal(err)
	}
	key, err := cert.DecodeKey(stored.Key)
	if err != nil {
		t.Fatal(err)
	}
	core, err := api.New(&http.Client{Transport: trusting(t, w.TLSRoot())}, "test", w.Directory(), stored.URL, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := core.Accounts.Deactivate(stored.URL); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = c.Order(ctx, order)
		wantKind(t, err, fault.Configuration)
		wantText(t, err, "deactivated")
	}
	lost := stored
	lost.URL = ""
	if err := w.accounts.PutAccount(ctx, lost); err != nil {
		t.Fatal(err)
	}
	_, err = w.client().Order(ctx, order)
	wantKind(t, err, fault.Configuration)
	wantText(t, err, "deactivated")
}

func TestExternalAccountBinding(t *testing.T) {
	t.Parallel()
	hmac := base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	w := newWorld(t, pebbletest.Options{EAB: map[string]string{"kid-1": hmac}})
	ctx, order := testContext(t), cert.Order{Names: []string{"a.example.com"}}
	_, err := w.client().Order(ctx, order)
	wantKind(t, err, fault.Configuration)
	wantText(t, err, "eab_kid", "eab_hmac_file")

	file := filepath.Join(t.TempDir(), "hmac")
	if err := os.WriteFile(file, []byte(hmac+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.options.EABKid, w.options.EABHMACFile = "kid-2", file
	_, err = w.client().Order(ctx, order)
	wantKind(t, err, fault.Configuration)
	w.options.EABKid = "kid-1"
	if _, err := w.client().Order(ctx, order); err != nil {
		t.Fatal(err)
	}
}
