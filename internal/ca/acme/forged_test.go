package acme_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// What the CA sends is not taken on trust: neither another key's certificate,
// nor a chain that clients cannot follow.
func TestAChainThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	for what, tc := range map[string]struct {
		roots bool // issuer_roots_file is the CA's
		forge func(*testing.T, []*x509.Certificate) []*x509.Certificate
		text  string
	}{
		"of another key": {false, func(t *testing.T, chain []*x509.Certificate) []*x509.Certificate {
			_, other := signer(t)
			return []*x509.Certificate{other, chain[1]}
		}, "another key than ours"},
		"without its issuer": {false, alone, "without the one of its issuer"},
		"too short":          {true, alone, "leads to no root"},
		"to another root": {true, func(t *testing.T, chain []*x509.Certificate) []*x509.Certificate {
			key, root := signer(t)
			der, err := x509.CreateCertificate(rand.Reader, chain[0], root, chain[0].PublicKey, key)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			return []*x509.Certificate{leaf, root}
		}, "leads to no root"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pebbletest.Options{})
			if tc.roots {
				w.options.IssuerRootsFile = filepath.Join(t.TempDir(), "roots.pem")
				if err := os.WriteFile(w.options.IssuerRootsFile, w.IssuerRoots(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w.Forge(func(pem []byte) []byte {
				chain, err := cert.DecodeChain(pem)
				if err != nil {
					t.Error(err)
					return nil
				}
				return cert.EncodeChain(tc.forge(t, chain))
			})
			key, csr := newRequest(t, cert.EC256, anOrder.Names...)
			_, err := w.issue(testContext(t), same(w.client()), anOrder, csr)
			wantKind(t, err, fault.Validation)
			wantText(t, err, tc.text)
			if !fault.Elsewhere(err) {
				t.Error("another CA would not be tried")
			}
			w.Forge(nil)
			chain, err := w.issue(testContext(t), same(w.client()), anOrder, csr)
			if err != nil {
				t.Fatal(err)
			}
			w.checkChain(chain, key, anOrder.Names...)
		})
	}
}

func alone(_ *testing.T, chain []*x509.Certificate) []*x509.Certificate { return chain[:1] }

func signer(t *testing.T) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Another CA"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, root
}
