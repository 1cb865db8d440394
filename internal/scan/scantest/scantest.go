// Package scantest makes what a scanner has to read in tests: authorities and
// the awkward certificates that they issue, and servers that serve them. Tests
// of scan and of the CLI call it.
package scantest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Issuer is a certificate with its key.
type Issuer struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// Authority is a private root with one intermediate.
type Authority struct {
	Root, Intermediate Issuer
	Roots              *x509.CertPool
}

// NewAuthority makes one that is valid for the next ninety days.
func NewAuthority(t *testing.T) Authority {
	t.Helper()
	return At(t, time.Now())
}

// At makes one that is valid for ninety days from an instant.
func At(t *testing.T, now time.Time) Authority {
	t.Helper()
	ca := func(name string) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour),
		}
	}
	root := Make(t, ca("Test Root"), nil)
	inter := Make(t, ca("Test Intermediate"), &root)
	pool := x509.NewCertPool()
	pool.AddCert(root.Cert)
	return Authority{Root: root, Intermediate: inter, Roots: pool}
}

// Leaf issues for names; change may alter the template.
func (a Authority) Leaf(t *testing.T, change func(*x509.Certificate), names ...string) Issuer {
	t.Helper()
	template := LeafTemplate(names...)
	if change != nil {
		change(template)
	}
	return Make(t, template, &a.Intermediate)
}

// Chain is what a well configured server sends for a leaf.
func (a Authority) Chain(leaf Issuer) tls.Certificate {
	return Send(leaf, a.Intermediate)
}

// Send is what a server sends that was given these, in this order.
func Send(leaf Issuer, rest ...Issuer) tls.Certificate {
	out := tls.Certificate{Certificate: [][]byte{leaf.Cert.Raw}, PrivateKey: leaf.Key}
	for _, r := range rest {
		out.Certificate = append(out.Certificate, r.Cert.Raw)
	}
	return out
}

// LeafTemplate is of a server's certificate for names and addresses.
func LeafTemplate(names ...string) *x509.Certificate {
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

// Make signs the template by parent, or by itself. Without dates it is valid
// for the next ninety days.
func Make(t *testing.T, template *x509.Certificate, parent *Issuer) Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return MakeFor(t, template, parent, key)
}

// MakeFor does so for a key of the caller's choice.
func MakeFor(t *testing.T, template *x509.Certificate, parent *Issuer, key crypto.Signer) Issuer {
	t.Helper()
	if template.SerialNumber == nil {
		var err error
		if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
			t.Fatal(err)
		}
	}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	}
	by := Issuer{Cert: template, Key: key}
	if parent != nil {
		by = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Cert, key.Public(), by.Key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Issuer{Cert: made, Key: key}
}

// Serve answers each connection to address (host:port, port 0 for any) with
// answer, until the test ends, and gives the endpoint.
func Serve(t *testing.T, address string, answer func(net.Conn)) cert.Endpoint {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("this machine cannot listen on %s: %v", address, err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	e, err := cert.ParseEndpoint(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// ServeTLS serves a certificate; change may alter the server's configuration.
func ServeTLS(t *testing.T, address string, c tls.Certificate, change func(*tls.Config)) cert.Endpoint {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{c}}
	if change != nil {
		change(config)
	}
	return Serve(t, address, func(conn net.Conn) {
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			_, _ = io.Copy(io.Discard, server)
		}
	})
}
