package storetest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func keyElsewhere(t *testing.T, b Backend) {
	ctx, s := t.Context(), b.Open(t)
	pair, key := newPair(t, "www.example.com", start)
	ref, err := cert.KeyReference(key.Public())
	must(t, err)
	_, err = s.PutVersion(ctx, "www", "ca", cert.Pair{Chain: pair.Chain, Key: pair.Key, KeptKey: true})
	wantKind(t, "a key that is declared to be elsewhere", err, fault.Invalid)

	first, err := s.PutVersion(ctx, "www", "ca", cert.Pair{Chain: pair.Chain, KeptKey: true})
	must(t, err)
	if first.KeptKey != ref || first.CA != "ca" {
		t.Errorf("stored as %+v, want the key %s", first, ref)
	}
	again, err := s.PutVersion(ctx, "www", "ca", cert.Pair{Chain: pair.Chain, KeptKey: true})
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("storing again gave another version (-first +again):\n%s", diff)
	}
	must(t, s.SetLive(ctx, "www", first.Fingerprint, ""))

	s = b.Open(t)
	got, err := s.Pair(ctx, "www", first.Fingerprint)
	must(t, err)
	if !got.KeptKey || len(got.Key) > 0 || !bytes.Equal(got.Chain, pair.Chain) {
		t.Errorf("came back with KeptKey %t and %d bytes of key", got.KeptKey, len(got.Key))
	}
	must(t, got.Check([]string{"www.example.com"}, start))
	all, err := s.Versions(ctx, "www")
	must(t, err)
	if diff := cmp.Diff([]cert.Version{first}, all); diff != "" {
		t.Errorf("listed (-stored +listed):\n%s", diff)
	}
	if found := FindKey(b.AtRest(t), key); found != "" {
		t.Errorf("the key is at rest: %s", found)
	}
}
