package acme_test

import (
	"net/http"
	"testing"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestTheCARevokesForTheReasonGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{NonceReject: 20})
	ctx := testContext(t)
	for _, kind := range []cert.KeyType{cert.EC256, cert.EC384, cert.RSA2048} {
		for _, reason := range []cert.RevocationReason{cert.Superseded, cert.KeyCompromise, cert.CessationOfOperation} {
			key, csr := newRequest(t, kind, anOrder.Names...)
			chain, err := w.issue(ctx, same(w.client()), anOrder, csr)
			if err != nil {
				t.Fatal(err)
			}
			leaf := w.checkChain(chain, key, anOrder.Names...)
			var own []byte
			if reason == cert.KeyCompromise {
				if own, err = cert.EncodeKey(key); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // the second finds it done
				if err := w.client().Revoke(ctx, chain, own, reason); err != nil {
					t.Fatalf("%s %s: %v", kind, reason, err)
				}
			}
			if code, revoked := w.RevokedFor(leaf); !revoked || code != int(reason.Code()) {
				t.Errorf("%s: revoked %t for %d, want %d", reason, revoked, code, reason.Code())
			}
		}
	}
}

func TestARevocationThatTheCARefusesSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx := testContext(t)
	_, csr := newRequest(t, cert.EC256, anOrder.Names...)
	chain, err := w.issue(ctx, same(w.client()), anOrder, csr)
	if err != nil {
		t.Fatal(err)
	}
	other := newWorld(t, pebbletest.Options{})
	if err := other.client().Revoke(ctx, chain, nil, cert.Superseded); err == nil || fault.Is(err, fault.Transient) {
		t.Errorf("another CA revoked it: %v", err)
	}
	w.SetDown(true)
	err = w.client().Revoke(ctx, chain, nil, cert.Superseded)
	wantKind(t, err, fault.Unavailable)

	f := newFakeCA(t)
	c, err := acme.New("x", f.options(t), &accounts{}, acme.Ways{HTTP: acme.NewListener("")})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Revoke(ctx, chain, nil, cert.Superseded)
	wantKind(t, err, fault.Configuration)
	wantText(t, err, "no revokeCert")
	f.directory = map[string]any{"revokeCert": f.URL + "/new-order"}
	f.newOrder = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"type":"urn:ietf:params:acme:error:badRevocationReason","detail":"not for you","status":400}`))
	}
	if c, err = acme.New("x", f.options(t), &accounts{}, acme.Ways{HTTP: acme.NewListener("")}); err != nil {
		t.Fatal(err)
	}
	err = c.Revoke(ctx, chain, nil, cert.PrivilegeWithdrawn)
	wantKind(t, err, fault.Configuration)
	wantText(t, err, "not for you", "what to do: give another reason")
}
