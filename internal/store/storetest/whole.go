package storetest

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func everythingSurvives(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	pair, _ := newPair(t, "www.example.com", start)
	v, err := s.PutVersion(ctx, "www", "ca", pair)
	must(t, err)
	must(t, s.SetLive(ctx, "www", v.Fingerprint, ""))
	iss, err := s.PutIssuance(ctx, cert.Issuance{Certificate: "www", Replaces: v.Fingerprint, CA: "ca"})
	must(t, err)
	_, key := newKey(t)
	ref, err := s.PutKey(ctx, "www", key)
	must(t, err)
	must(t, s.PutCapture(ctx, "www", "deployment", "target", []byte("before")))
	must(t, s.Append(ctx, "www", []cert.Entry{entry(1, "one")}))
	must(t, s.Claim(ctx, "www", []string{"place"}))
	account := cert.Account{CA: "ca", Email: "ops@example.com", URL: "https://ca.test/1", Key: key}
	must(t, s.PutAccount(ctx, account))

	s = b.Open(t)
	gotPair, err := s.Pair(ctx, "www", v.Fingerprint)
	must(t, err)
	if !bytes.Equal(gotPair.Chain, pair.Chain) || !bytes.Equal(gotPair.Key, pair.Key) {
		t.Error("another pair came back")
	}
	must(t, gotPair.Check([]string{"www.example.com"}, start))
	live, err := s.Live(ctx, "www")
	must(t, err)
	if live != v.Fingerprint {
		t.Errorf("live = %q", live)
	}
	gotIss, err := s.Issuance(ctx, "www", v.Fingerprint)
	must(t, err)
	gotKey, err := s.Key(ctx, "www", ref)
	must(t, err)
	before, err := s.Capture(ctx, "www", "deployment", "target")
	must(t, err)
	entries, err := s.Entries(ctx, "www")
	must(t, err)
	gotAccount, err := s.Account(ctx, "ca", "ops@example.com")
	must(t, err)
	if !cmp.Equal(gotIss, iss) || !bytes.Equal(gotKey, key) || string(before) != "before" || !cmp.Equal(gotAccount, account) {
		t.Error("another issuance, key, capture or account came back")
	}
	if diff := cmp.Diff([]cert.Entry{entry(1, "one")}, entries); diff != "" {
		t.Errorf("journal:\n%s", diff)
	}
	wantKind(t, "claim of a held place", s.Claim(ctx, "other", []string{"place"}), fault.Conflict)
}

func notFound(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	nobody := cert.Fingerprint(strings.Repeat("a", 64))
	for _, prepare := range []func(){func() {}, func() { put(t, s, "www") }} {
		prepare()
		_, err := s.Pair(ctx, "www", nobody)
		wantKind(t, "Pair", err, fault.NotFound)
		_, err = s.Issuance(ctx, "www", "")
		wantKind(t, "first Issuance", err, fault.NotFound)
		_, err = s.Issuance(ctx, "www", nobody)
		wantKind(t, "Issuance", err, fault.NotFound)
		_, err = s.Key(ctx, "www", string(nobody))
		wantKind(t, "Key", err, fault.NotFound)
		_, err = s.Capture(ctx, "www", "deployment", "target")
		wantKind(t, "Capture", err, fault.NotFound)
		_, err = s.Account(ctx, "ca", "")
		wantKind(t, "Account", err, fault.NotFound)
		entries, err := s.Entries(ctx, "www")
		must(t, err)
		live, err := s.Live(ctx, "www")
		must(t, err)
		if len(entries) != 0 || live != "" {
			t.Errorf("%d entries, live %q, from nothing", len(entries), live)
		}
	}
	all, err := s.Versions(ctx, "unheard-of")
	must(t, err)
	if len(all) != 0 {
		t.Errorf("%d versions from nothing", len(all))
	}
}

func hostileNames(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	pair, _ := newPair(t, "www.example.com", start)
	for _, name := range []string{"", ".", "..", "../x", "/etc/cron.d/x", "a/b", "a\x00b", "a\nb", ".staging", "a..b", "%2e%2e", "*.example.com", "Ａ", strings.Repeat("a", 300)} {
		errs := map[string]error{}
		_, errs["PutVersion"] = s.PutVersion(ctx, name, "ca", pair)
		_, errs["Pair"] = s.Pair(ctx, name, "")
		_, errs["Versions"] = s.Versions(ctx, name)
		_, errs["Live"] = s.Live(ctx, name)
		errs["SetLive"] = s.SetLive(ctx, name, "", "")
		_, errs["Issuance"] = s.Issuance(ctx, name, "")
		_, errs["PutIssuance"] = s.PutIssuance(ctx, cert.Issuance{Certificate: name})
		_, errs["PutKey"] = s.PutKey(ctx, name, pair.Key)
		_, errs["Key"] = s.Key(ctx, name, "")
		errs["PutCapture"] = s.PutCapture(ctx, name, "d", "t", nil)
		_, errs["Capture"] = s.Capture(ctx, name, "d", "t")
		errs["Append"] = s.Append(ctx, name, []cert.Entry{entry(1, "one")})
		_, errs["Entries"] = s.Entries(ctx, name)
		errs["Claim"] = s.Claim(ctx, name, []string{"place"})
		for call, err := range errs {
			wantKind(t, call, err, fault.Invalid)
		}
	}
	for _, hostile := range []string{"../../x", "x", strings.Repeat("A", 64), strings.Repeat("a", 63) + "/"} {
		_, err := s.Pair(ctx, "www", cert.Fingerprint(hostile))
		wantKind(t, "Pair of "+hostile, err, fault.Invalid)
		_, err = s.Issuance(ctx, "www", cert.Fingerprint(hostile))
		wantKind(t, "Issuance of "+hostile, err, fault.Invalid)
		_, err = s.Key(ctx, "www", hostile)
		wantKind(t, "Key of "+hostile, err, fault.Invalid)
	}
}

func sealedAtRest(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	issued, issuedKey := newPair(t, "www.example.com", start)
	dirty, dirtyKey := newPair(t, "www.example.com", start)
	dirty.Chain = append(dirty.Chain, dirty.Key...)
	pending, pendingPEM := newKey(t)
	captured, capturedPEM := newKey(t)
	owner, ownerPEM := newKey(t)
	for _, pair := range []cert.Pair{issued, dirty} {
		v, err := s.PutVersion(ctx, "www", "ca", pair)
		must(t, err)
		if got, err := s.Pair(ctx, "www", v.Fingerprint); err != nil || FindKey(got.Chain, dirtyKey) != "" {
			t.Errorf("a key came along in the chain (error: %v)", err)
		}
	}
	_, err := s.PutKey(ctx, "www", pendingPEM)
	must(t, err)
	must(t, s.PutCapture(ctx, "www", "deployment", "target", capturedPEM))
	must(t, s.PutAccount(ctx, cert.Account{CA: "ca", Key: ownerPEM}))
	planted, plantedPEM := newKey(t)
	must(t, s.Append(ctx, "www", []cert.Entry{entry(1, string(plantedPEM))}))

	kept := b.AtRest(t)
	if FindKey(kept, planted) == "" {
		t.Fatal("the search does not find even the key that was planted in the journal")
	}
	for what, key := range map[string]crypto.Signer{
		"issued": issuedKey, "sent along in the chain": dirtyKey, "pending": pending, "captured": captured, "account": owner,
	} {
		if found := FindKey(kept, key); found != "" {
			t.Errorf("the %s key is readable at rest: %s", what, found)
		}
	}
}

func otherKeyRefused(t *testing.T, b Backend) {
	put(t, b.Open(t), "www")
	err := b.OpenOther(t)
	wantKind(t, "opening with another key-encryption key", err, fault.Configuration)
	if err != nil && !strings.Contains(err.Error(), "key-encryption key") {
		t.Errorf("the error does not say what is wrong: %v", err)
	}
}

func cancelled(t *testing.T, b Backend) {
	s := b.Open(t)
	pair, _ := newPair(t, "www.example.com", start)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.PutVersion(ctx, "www", "ca", pair)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("PutVersion: %v", err)
	}
	if err := s.Append(ctx, "www", []cert.Entry{entry(1, "one")}); !errors.Is(err, context.Canceled) {
		t.Errorf("Append: %v", err)
	}
	all, err := s.Versions(t.Context(), "www")
	must(t, err)
	entries, err := s.Entries(t.Context(), "www")
	must(t, err)
	if len(all)+len(entries) != 0 {
		t.Errorf("%d versions, %d entries", len(all), len(entries))
	}
}
