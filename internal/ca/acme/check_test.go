package acme_test

import (
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestACheckTellsWhatTheCASaysAndMakesTheAccountOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{NonceReject: 15, Profiles: map[string]int{"default": 7776000, "shortlived": 576000}})
	w.options.PreferredProfile, w.options.KeyTypes = "shortlived", []string{"EC384"}
	ctx := testContext(t)
	first, again := w.client().Check(ctx), w.client().Check(ctx)
	for i, a := range []cert.Authority{first, again} {
		if a.Err != "" || !a.Reached || a.Account == "" || a.Made != (i == 0) {
			t.Errorf("check %d: %+v", i, a)
		}
		if off := a.AskedAt.Sub(a.Date).Abs(); a.Date.IsZero() || off > 5*time.Second {
			t.Errorf("check %d: the CA has %s, we have %s", i, a.Date, a.AskedAt)
		}
		if a.Terms == "" || a.RenewalInfo == "" || a.EABRequired || a.Profile != "shortlived" || a.Profiles["default"] == "" ||
			!slices.Equal(a.CAAIdentities, []string{"pebble.letsencrypt.org"}) || !slices.Equal(a.KeyTypes, []cert.KeyType{cert.EC384}) {
			t.Errorf("check %d: what the CA says of itself: %+v", i, a)
		}
	}
	if first.Account != again.Account {
		t.Errorf("two accounts: %s, %s", first.Account, again.Account)
	}
	if w.Issued() != 0 {
		t.Error("a check ordered a certificate")
	}
}

func TestACheckFindsAnAccountThatTheCALost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx := testContext(t)
	if a := w.client().Check(ctx); a.Err != "" {
		t.Fatal(a.Err)
	}
	w.CA = pebbletest.Start(t, pebbletest.Options{Addr: "127.0.0.1:0"}) // the same name, another CA without our account
	stored, err := w.accounts.Account(ctx, "pebble", w.options.Email)
	if err != nil {
		t.Fatal(err)
	}
	w.options.Directory, w.options.RootFile = w.Directory(), w.RootFile()
	stored.URL = w.Directory()[:len(w.Directory())-len("/dir")] + "/my-account/77"
	if err := w.accounts.PutAccount(ctx, stored); err != nil {
		t.Fatal(err)
	}
	if a := w.client().Check(ctx); a.Err != "" || !a.Made || a.Account == stored.URL {
		t.Errorf("%+v", a)
	}
}

func TestACheckTellsWhyACACannotBeUsed(t *testing.T) {
	t.Parallel()
	hmac := base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	w := newWorld(t, pebbletest.Options{EAB: map[string]string{"kid-1": hmac}})
	ctx := testContext(t)
	check := func(change func(*acme.Options), kind fault.Kind, reached bool, words ...string) {
		t.Helper()
		before := w.options
		defer func() { w.options = before }()
		change(&w.options)
		a := w.client().Check(ctx)
		if a.ErrKind != string(kind) || a.Reached != reached || a.Account != "" {
			t.Errorf("%+v", a)
		}
		wantText(t, fault.New(kind, "%s", a.Err), words...)
	}
	check(func(*acme.Options) {}, fault.Configuration, true, "externalAccountRequired", "eab_kid")
	check(func(o *acme.Options) { o.EABKid, o.EABHMACEnv = "kid-1", "NEVERLAPSE_TEST_NO_SUCH_KEY" }, fault.Configuration, true,
		"the environment variable NEVERLAPSE_TEST_NO_SUCH_KEY is empty")
	check(func(o *acme.Options) { o.RootFile = "" }, fault.Configuration, false, "set root_file to its root")
	w.SetDown(true)
	check(func(*acme.Options) {}, fault.Unavailable, false, "directory")
	w.SetDown(false)
}
