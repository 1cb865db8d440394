package scan

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// issuer is a certificate that signs others in a test.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// authority is a private root with one intermediate.
type authority struct {
	root, intermediate issuer
	roots              *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	root := makeCert(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Test Root"}, IsCA: true, BasicConstraintsValid: true}, nil)
	inter := makeCert(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Test Intermediate"}, IsCA: true, BasicConstraintsValid: true}, &root)
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	return authority{root: root, intermediate: inter, roots: pool}
}

// leaf issues for names; change may alter the template.
func (a authority) leaf(t *testing.T, change func(*x509.Certificate), names ...string) issuer {
	t.Helper()
	template := leafTemplate(names...)
	if change != nil {
		change(template)
	}
	return makeCert(t, template, &a.intermediate)
}

// chain is what a well configured server sends for a leaf.
func (a authority) chain(leaf issuer) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{leaf.cert.Raw, a.intermediate.cert.Raw}, PrivateKey: leaf.key}
}

func leafTemplate(names ...string) *x509.Certificate {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "leaf"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	return template
}

// makeCert signs the template by parent, or by itself.
func makeCert(t *testing.T, template *x509.Certificate, parent *issuer) issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber == nil {
		if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
			t.Fatal(err)
		}
	}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	}
	by := issuer{cert: template, key: key}
	if parent != nil {
		by = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issuer{cert: made, key: key}
}
