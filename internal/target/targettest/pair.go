package targettest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// CA is a root with one intermediate, valid for decades around now.
type CA struct {
	root, intermediate *x509.Certificate
	key                crypto.Signer // the intermediate's
}

// NewCA makes a CA with fresh keys.
func NewCA() (*CA, error) {
	now := time.Now()
	from, to := now.AddDate(-20, 0, 0), now.AddDate(20, 0, 0)
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	root, err := sign(authority("Neverlapse Test Root", from, to), nil, rootKey.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("intermediate key: %w", err)
	}
	intermediate, err := sign(authority("Neverlapse Test Intermediate", from, to), root, key.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	return &CA{root: root, intermediate: intermediate, key: key}, nil
}

// Pool holds the root, for clients.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	return pool
}

// RootPEM is the root, as clients are given it in a file.
func (ca *CA) RootPEM() []byte { return cert.EncodeChain([]*x509.Certificate{ca.root}) }

// Fresh gives a pair for the names, else for Names, that is valid for 90 days. All
// of a process are of one CA.
func Fresh(t testing.TB, names ...string) cert.Pair {
	t.Helper()
	ca, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		names = Names
	}
	now := time.Now()
	pair, err := ca.Issue(names, now.Add(-time.Hour), now.Add(90*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

var shared = sync.OnceValues(NewCA)

// Issue gives a pair for the names, with a fresh EC256 key.
func (ca *CA) Issue(names []string, notBefore, notAfter time.Time) (cert.Pair, error) {
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		return cert.Pair{}, fmt.Errorf("leaf key: %w", err)
	}
	return ca.IssueFor(key, names, notBefore, notAfter)
}

// IssueFor gives a pair for the names with a given key.
func (ca *CA) IssueFor(key crypto.Signer, names []string, notBefore, notAfter time.Time) (cert.Pair, error) {
	if len(names) == 0 {
		return cert.Pair{}, errors.New("a test certificate needs a name")
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]},
		NotBefore:   notBefore,
		NotAfter:    notAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	leaf, err := sign(template, ca.intermediate, key.Public(), ca.key)
	if err != nil {
		return cert.Pair{}, err
	}
	encoded, err := cert.EncodeKey(key)
	if err != nil {
		return cert.Pair{}, err
	}
	return cert.Pair{Chain: cert.EncodeChain([]*x509.Certificate{leaf, ca.intermediate}), Key: encoded}, nil
}

// NewPair gives a pair of a CA that nobody else knows.
func NewPair(names []string, notBefore, notAfter time.Time) (cert.Pair, error) {
	ca, err := NewCA()
	if err != nil {
		return cert.Pair{}, err
	}
	return ca.Issue(names, notBefore, notAfter)
}

// FingerprintOf gives a pair's fingerprint, empty if it holds no certificate.
func FingerprintOf(pair cert.Pair) cert.Fingerprint {
	v, err := pair.Version()
	if err != nil {
		return ""
	}
	return v.Fingerprint
}

func authority(name string, from, to time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// sign makes a certificate; parent nil means self-signed.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("serial: %w", err)
	}
	template.SerialNumber = serial
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}
