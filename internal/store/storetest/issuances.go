package storetest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func issuanceRevisions(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	replaced := put(t, s, "www")
	for _, replaces := range []cert.Fingerprint{"", replaced} {
		iss := cert.Issuance{Certificate: "www", Replaces: replaces, CA: "ca", Names: []string{"www.example.com"}, KeyType: cert.EC256}
		first, err := s.PutIssuance(ctx, iss)
		must(t, err)
		if first.Revision != 1 {
			t.Errorf("first revision = %d", first.Revision)
		}
		_, err = s.PutIssuance(ctx, iss)
		wantKind(t, "a second first write", err, fault.Conflict)
		first.OrderURL, first.OrderedAt, first.CSR = "https://ca.test/order/1", start, []byte{0, 1, 255}
		first.Candidate, first.Rejected = replaced, []cert.Fingerprint{replaced}
		second, err := s.PutIssuance(ctx, first)
		must(t, err)
		_, err = s.PutIssuance(ctx, first)
		wantKind(t, "a write of an old revision", err, fault.Conflict)
		first.Revision = 7
		_, err = s.PutIssuance(ctx, first)
		wantKind(t, "a write of a revision that never was", err, fault.Conflict)
		got, err := b.Open(t).Issuance(ctx, "www", replaces)
		must(t, err)
		if diff := cmp.Diff(second, got); diff != "" || got.Revision != 2 {
			t.Errorf("read back (-written +read):\n%s", diff)
		}
	}
	_, key := newKey(t)
	ref, err := s.PutKey(ctx, "www", key)
	must(t, err)
	again, err := s.PutKey(ctx, "www", key)
	must(t, err)
	got, err := b.Open(t).Key(ctx, "www", ref)
	must(t, err)
	if ref != again || !bytes.Equal(got, key) {
		t.Errorf("a key stored twice has the references %s and %s", ref, again)
	}
}

func issuanceRace(t *testing.T, b Backend) {
	ctx := t.Context()
	const writers, each = 8, 5
	crowd(t, b, writers, func(s Store, i int) error {
		for n := range each {
			if err := AddName(ctx, s, "www", fmt.Sprintf("%d-%d.example.com", i, n)); err != nil {
				return err
			}
		}
		return nil
	})
	got, err := b.Open(t).Issuance(ctx, "www", "")
	must(t, err)
	if got.Revision != writers*each || len(got.Names) != writers*each {
		t.Errorf("revision %d with %d names, want %d of both", got.Revision, len(got.Names), writers*each)
	}
}

func accounts(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	_, key := newKey(t)
	_, other := newKey(t)
	for _, email := range []string{"", "ops@example.com", "Ops@example.com", "운영@예시.한국", "../x"} {
		must(t, s.PutAccount(ctx, cert.Account{CA: "ca", Email: email, Key: key}))
		want := cert.Account{CA: "ca", Email: email, URL: "https://ca.test/acct/" + email, Key: key}
		must(t, s.PutAccount(ctx, want))
		wantKind(t, "another key for an account", s.PutAccount(ctx, cert.Account{CA: "ca", Email: email, Key: other}), fault.Conflict)
		got, err := b.Open(t).Account(ctx, "ca", email)
		must(t, err)
		if !cmp.Equal(want, got) {
			t.Errorf("account of %q: another came back", email)
		}
		_, err = s.Account(ctx, "another ca", email)
		wantKind(t, "account at another CA", err, fault.NotFound)
	}
	wantKind(t, "account without a key", s.PutAccount(ctx, cert.Account{CA: "ca"}), fault.Invalid)
}
