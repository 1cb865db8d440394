package storetest

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func revocations(t *testing.T, b Backend) {
	s, ctx := b.Open(t), t.Context()
	pair, _, err := NewPair("www.example.com", time.Now().UTC().Truncate(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.PutVersion(ctx, "www", "ca", pair)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Revocation(ctx, "www", v.Fingerprint); !fault.Is(err, fault.NotFound) {
		t.Errorf("a version that nobody revoked: %v", err)
	}
	first := cert.Revocation{Fingerprint: v.Fingerprint, Reason: cert.KeyCompromise, At: time.Now().UTC().Truncate(time.Second), By: "minji"}
	second := first
	second.Reason, second.By = cert.Superseded, "jun"
	for _, r := range []cert.Revocation{first, second} {
		if err := s.PutRevocation(ctx, "www", r); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := b.Open(t).Revocation(ctx, "www", v.Fingerprint); err != nil || got != first {
		t.Errorf("got %+v, %v; want %+v", got, err, first)
	}
	second.Fingerprint = cert.Fingerprint("ab") + v.Fingerprint[2:]
	if err := s.PutRevocation(ctx, "www", second); !fault.Is(err, fault.NotFound) && second.Fingerprint != v.Fingerprint {
		t.Errorf("a version that was never stored is marked: %v", err)
	}
}
