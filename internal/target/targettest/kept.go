package targettest

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

// RunKept holds a kind of target whose private keys stay on their host to the
// contract. None of what Harness.Before puts there may be a key.
func RunKept(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range []struct {
		says string
		test func(*testing.T, Harness)
	}{
		{"what was there before comes back byte for byte", testRestores},
		{"installing again changes nothing", testIdempotent},
		{"a failing check brings the old bytes back", testFailingCheck},
		{"a broken configuration is told before any change", testAlreadyBroken},
		{"a failing reload is told and can be repeated", testFailingReload},
		{"a restore that fails is told and can be repeated", testFailingRestore},
		{"a key that is not there changes nothing", testKeyMissing},
		{"no capture holds a key", testKeyless},
	} {
		t.Run(c.says, func(t *testing.T) { c.test(t, h) })
	}
}

// kept leaves the key of a pair on its host and gives the rest.
func (h Harness) kept(t testing.TB, dir string, pair cert.Pair) cert.Pair {
	h.Keep(t, dir, pair.Key)
	return cert.Pair{Chain: pair.Chain, KeptKey: true}
}

func testKeyMissing(t *testing.T, h Harness) {
	s := setUp(t, h)
	s.install(t, s.a, s.capture(t))
	before, snapshot := s.capture(t), Tree(t, s.Dirs...)
	stranger := mustPair(t)
	for what, pair := range map[string]cert.Pair{
		"a chain for a key that is not there": {Chain: stranger.Chain, KeptKey: true},
		"a pair that brings its key":          stranger,
	} {
		if err := s.Install(t.Context(), pair, before); !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), "kept_key") {
			t.Errorf("%s: Install = %v; want fault.Configuration about kept_key", what, err)
		}
		sameTree(t, what+" changed something", snapshot, Tree(t, s.Dirs...))
	}
	keeper := s.Target.(interface {
		HasKey(ctx context.Context, public crypto.PublicKey) error
	})
	if err := keeper.HasKey(t.Context(), publicOf(t, stranger)); !fault.Is(err, fault.Configuration) {
		t.Errorf("HasKey of a stranger's = %v, want fault.Configuration", err)
	}
	if err := keeper.HasKey(t.Context(), publicOf(t, s.b)); err != nil {
		t.Errorf("HasKey = %v", err)
	}
}

func testKeyless(t *testing.T, h Harness) {
	s := setUp(t, h)
	for _, pair := range []cert.Pair{s.a, s.b} {
		before := s.capture(t)
		s.install(t, pair, before)
		whole := s.read(t)
		key, err := cert.DecodeKey(whole.Key)
		if err != nil {
			t.Fatal(err)
		}
		after := s.capture(t)
		if found := storetest.FindKey(after, key); found != "" {
			t.Errorf("the capture of %s holds its key, %s", FingerprintOf(pair).Short(), found)
		}
	}
}

func publicOf(t *testing.T, pair cert.Pair) crypto.PublicKey {
	t.Helper()
	chain, err := cert.DecodeChain(pair.Chain)
	if err != nil {
		t.Fatal(err)
	}
	return chain[0].PublicKey
}
