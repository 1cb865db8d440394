package e2e

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// sell issues what a CA of bought certificates would, for a public key.
func (f forgery) sell(t *testing.T, key crypto.PublicKey, name string) *x509.Certificate {
	t.Helper()
	chain, err := cert.DecodeChain(f.chain(x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 6, 0),
	}, key))
	if err != nil {
		t.Fatal(err)
	}
	return chain[0]
}

// file writes a private file into the folder of the world.
func (w *world) file(name string, data []byte) string {
	w.t.Helper()
	path := filepath.Join(w.Dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// buy supplies what was ordered with a key made elsewhere, by files of PEM.
func (w *world) buy(i int) {
	w.t.Helper()
	f := newForgery(w.t)
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := cert.EncodeKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	leaf := f.sell(w.t, key.Public(), w.Nginx.Servers[i].Name)
	chain := w.file("bought.pem", cert.EncodeChain([]*x509.Certificate{leaf, f.root}))
	w.cli(0, "supply", "bought", "--chain", chain, "--key", w.file("bought.key", text), "--wait", "--timeout", "2m")
	if got := w.served(i); got != cert.FingerprintOf(leaf) {
		w.t.Fatalf("%s is served", got.Short())
	}
}

func TestABoughtCertificateIsAskedForAndDeployed(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Nginx: sites(site(t, "www.shop.test", 8*time.Minute))})
	f := newForgery(t)
	w.manage("bought", 0, "--ca", "bought")
	a := w.settled("bought", alert.SupplyNeeded, "the owner to be told to order", func(a lifecycle.Alert) bool { return len(a.Receipts) > 0 })
	if a.Severity == alert.P1 {
		t.Errorf("the first word is %s", a.Severity)
	}
	says(t, w.cli(4, "renew", "bought"), "ordered by hand", "neverlapse csr bought", "neverlapse supply bought --chain FILE")

	out := w.cli(0, "csr", "bought", "--subject", "O=Example Inc,L=Seoul,C=KR")
	block, _ := pem.Decode([]byte(out))
	if block == nil {
		t.Fatalf("no request in %q", out)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || request.Subject.Organization[0] != "Example Inc" {
		t.Fatalf("%v %v", request, err)
	}
	leaf := f.sell(t, request.PublicKey, "www.shop.test")
	alone := w.file("alone.pem", cert.EncodeChain([]*x509.Certificate{leaf}))
	says(t, w.cli(4, "supply", "bought", "--chain", alone), "the chain holds the certificate alone")
	strange := f.sell(t, f.key.Public(), "www.shop.test")
	says(t, w.cli(4, "supply", "bought", "--chain", w.file("strange.pem", cert.EncodeChain([]*x509.Certificate{strange, f.root}))), "no key of bought belongs")
	chain := w.file("chain.pem", cert.EncodeChain([]*x509.Certificate{leaf, f.root}))
	w.cli(0, "supply", "bought", "--chain", chain, "--wait", "--timeout", "2m", "--note", "order 4711")
	if got := w.served(0); got != cert.FingerprintOf(leaf) {
		t.Fatalf("%s is served, want %s", got.Short(), cert.FingerprintOf(leaf).Short())
	}
	w.until("bought", "the alert to be closed", func(s workflows.Status) bool { return open(s, string(alert.SupplyNeeded)) == nil && s.Unread == 0 })
	says(t, w.cli(0, "history", "bought"), "was supplied", "order 4711")
	says(t, w.cli(0, "status", "bought"), "somebody is told to order the next version")

	key, err := cert.GenerateKey(cert.RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	next := f.sell(t, key.Public(), "www.shop.test")
	bundle, err := pkcs12.Modern.Encode(key, next, []*x509.Certificate{f.root}, "over the counter")
	if err != nil {
		t.Fatal(err)
	}
	pfx, password := w.file("next.pfx", bundle), w.file("password", []byte("over the counter\n"))
	says(t, w.cli(2, "supply", "bought", "--pfx", pfx), "password")
	says(t, w.cli(4, "supply", "bought", "--pfx", pfx, "--password-file", password), "holds the certificate alone")
	if n := w.CA.Issued(); n != 0 {
		t.Errorf("%d certificates were ordered from a CA that nobody named", n)
	}
}
