package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// Many things go wrong between us and the CA during one renewal; it comes all
// the same, and the CA has issued once.
func TestFaultsAllAlongAnOrderCostNoSecondCertificate(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Nginx: sites(site(t, "www.shop.test", 30*time.Minute))})
	before := w.served(0)
	faults := map[pebbletest.Step][]pebbletest.How{
		pebbletest.Directory: {pebbletest.Error503}, pebbletest.Nonce: {pebbletest.Reset}, pebbletest.Account: {pebbletest.HalfBody},
		pebbletest.Order: {pebbletest.TooMany, pebbletest.Error500}, pebbletest.Authz: {pebbletest.Reset}, pebbletest.Challenge: {pebbletest.HalfBody},
		pebbletest.Finalize: {pebbletest.Reset}, pebbletest.Poll: {pebbletest.Error503, pebbletest.TooMany}, pebbletest.Download: {pebbletest.HalfBody},
	}
	for step, hows := range faults {
		for _, how := range hows {
			w.CA.FailAt(step, how)
		}
	}
	w.manage("shop", 0)
	s := w.until("shop", "the renewal to complete by itself", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before
	})
	for step, hows := range faults {
		if n := w.CA.Failed(step); n != len(hows) {
			t.Errorf("%s failed %d times, want %d", step, n, len(hows))
		}
	}
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates at the CA, want exactly 1", n)
	}
	if n := len(s.State.Renewal.Attempts); n != 0 {
		t.Errorf("what was mended within minutes cost attempts: %+v", s.State.Renewal.Attempts)
	}
}

// forgery is a CA of its own that issues for any key.
type forgery struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newForgery(t *testing.T) forgery {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Forgery"}, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return forgery{key, root}
}

// chain issues what a leaf says, for its key or for another one.
func (f forgery) chain(leaf x509.Certificate, key any) []byte {
	der, err := x509.CreateCertificate(rand.Reader, &leaf, f.root, key, f.key)
	if err != nil {
		return nil
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return cert.EncodeChain([]*x509.Certificate{out, f.root})
}

func TestWhatTheCAMustNotHaveIssuedIsNeverDeployed(t *testing.T) {
	t.Parallel()
	f := newForgery(t)
	wrong := map[string]struct {
		says  string
		forge func(leaf x509.Certificate) []byte
	}{
		"key.shop.test": {"another key than ours", func(l x509.Certificate) []byte { return f.chain(l, f.key.Public()) }},
		"san.shop.test": {"does not cover san.shop.test", func(l x509.Certificate) []byte { l.DNSNames = []string{"other.test"}; return f.chain(l, l.PublicKey) }},
		"past.shop.test": {"expired at", func(l x509.Certificate) []byte {
			l.NotAfter = time.Now().Add(-time.Minute)
			return f.chain(l, l.PublicKey)
		}},
		"next.shop.test": {"not valid before", func(l x509.Certificate) []byte {
			l.NotBefore = time.Now().Add(time.Hour)
			return f.chain(l, l.PublicKey)
		}},
		"part.shop.test": {"without the one of its issuer", func(l x509.Certificate) []byte { return cert.EncodeChain([]*x509.Certificate{&l}) }},
	}
	var servers []targettest.NginxServer
	for name := range wrong {
		servers = append(servers, site(t, name, 30*time.Minute))
	}
	w := enter(t, harness.Options{Nginx: sites(servers...)})
	w.CA.Forge(func(pem []byte) []byte {
		chain, err := cert.DecodeChain(pem)
		if err != nil {
			return pem
		}
		return wrong[chain[0].DNSNames[0]].forge(*chain[0])
	})
	for i, s := range servers {
		w.manage(s.Name, i)
	}
	for i, s := range servers {
		had := targettest.FingerprintOf(s.Initial)
		a := w.settled(s.Name, alert.RenewalFailing, "somebody to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) > 0 })
		says(t, a.Cause, wrong[s.Name].says)
		if a.Severity == alert.P1 {
			t.Errorf("%s: the first failure pages", s.Name)
		}
		if now := w.served(i); now != had {
			t.Errorf("%s: %s is served, want what was there, %s", s.Name, now.Short(), had.Short())
		}
	}
	w.CA.Forge(nil)
	w.cli(0, "renew", servers[0].Name, "--wait", "--timeout", "2m")
	if w.served(0) == targettest.FingerprintOf(servers[0].Initial) {
		t.Error("an honest certificate is not deployed")
	}
}
