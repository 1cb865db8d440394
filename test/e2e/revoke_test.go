package e2e

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// A leaked key: the new version, with another key, is proven first; then the
// old one is revoked, and nothing brings it back.
func TestALeakedKeyIsReplacedFirstAndThenRevoked(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Nginx: sites(site(t, "www.shop.test", 30*time.Minute))})
	w.manage("shop", 0, "--reuse-key")
	first := w.until("shop", "the first version to be live", func(s workflows.Status) bool {
		return s.State.Live.CA == "pebble" && len(s.State.Flights) == 0
	}).State.Live
	says(t, w.cli(4, "revoke", "shop", "--reason", "keyCompromise"), "is served by", "--reissue", "--force")
	w.cli(2, "revoke", "shop")
	says(t, w.cli(0, "revoke", "--selector", "owner=minji,ca=pebble", "--reason", "keyCompromise", "--dry-run"), "shop", first.Fingerprint.Short(), "Nothing was asked for")
	if n := w.CA.Issued(); n != 1 {
		t.Fatalf("%d certificates after nothing was asked for", n)
	}
	old := w.CA.Certificates()[0]
	says(t, w.cli(0, "revoke", "shop", "--reason", "keyCompromise", "--reissue", "--wait", "--note", "key in a ticket", "--timeout", "2m"), first.Fingerprint.Short()+" of shop is revoked")
	if code, revoked := w.CA.RevokedFor(old); !revoked || code != int(cert.KeyCompromise.Code()) {
		t.Errorf("at the CA: revoked %t, code %d", revoked, code)
	}
	s := w.until("shop", "quiet", func(s workflows.Status) bool { return len(s.State.Flights) == 0 && s.Unread == 0 })
	now := s.State.Live
	if now.Fingerprint == first.Fingerprint || w.served(0) != now.Fingerprint {
		t.Errorf("%s is live and %s is served; %s was revoked", now.Fingerprint.Short(), w.served(0).Short(), first.Fingerprint.Short())
	}
	if keyOf(t, old) == keyOf(t, w.CA.Certificates()[1]) {
		t.Error("the leaked key is used again, because the spec keeps keys")
	}
	says(t, w.cli(4, "rollback", "shop", "--to", "previous"), "was revoked")
	says(t, w.cli(0, "history", "shop"), "key in a ticket", "is revoked (keyCompromise)")
	says(t, w.cli(0, "status", "shop"), "revoked", first.Fingerprint.Short(), "keyCompromise")
}

func keyOf(t *testing.T, leaf *x509.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(der)
}
