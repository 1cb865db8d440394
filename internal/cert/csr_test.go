package cert_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func request(t *testing.T, key crypto.Signer, tmpl x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &tmpl, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pkcs8(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func newKey(t *testing.T, kind cert.KeyType) crypto.Signer {
	t.Helper()
	key, err := cert.GenerateKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestARequestIsReadInEveryFormThatPeopleHaveItIn(t *testing.T) {
	key := newKey(t, cert.EC256)
	ref, err := cert.KeyReference(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	der := request(t, key, x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "WWW.Example.com", Organization: []string{"Example"}},
		DNSNames: []string{"www.example.com", "example.com"}, IPAddresses: []net.IP{net.ParseIP("192.0.2.1")},
	})
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	for what, data := range map[string][]byte{
		"DER": der, "PEM": encoded,
		"PEM of an old Microsoft tool": bytes.ReplaceAll(encoded, []byte("CERTIFICATE"), []byte("NEW CERTIFICATE")),
		"PEM below a text":             append([]byte("Certificate Request:\n    Data:\n"), encoded...),
	} {
		c, err := cert.ParseCSR(data)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if !slices.Equal(c.Names, []string{"192.0.2.1", "example.com", "www.example.com"}) || c.Key != ref || c.KeyAlgorithm != "EC256" || !bytes.Equal(c.DER, der) {
			t.Errorf("%s: read %q, key %s %s", what, c.Names, c.KeyAlgorithm, c.Key)
		}
		if again, err := cert.ParseCSR(c.PEM()); err != nil || again.Key != ref {
			t.Errorf("%s: its own PEM is not read back: %v", what, err)
		}
	}
}

func TestOfARequestWithoutSubjectAltNamesTheCommonNameCounts(t *testing.T) {
	c, err := cert.ParseCSR(request(t, newKey(t, cert.RSA2048), x509.CertificateRequest{Subject: pkix.Name{CommonName: "www.example.com"}}))
	if err != nil || !slices.Equal(c.Names, []string{"www.example.com"}) || c.KeyAlgorithm != "RSA2048" {
		t.Errorf("read %+v, %v", c, err)
	}
}

func TestARequestThatNoCAWouldTakeIsRefusedWithWhatToDo(t *testing.T) {
	good := x509.CertificateRequest{DNSNames: []string{"www.example.com"}}
	ec := newKey(t, cert.EC256)
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request(t, ec, good)})
	private, err := cert.EncodeKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	forged := request(t, ec, good)
	forged[len(forged)-4] ^= 1
	many := x509.CertificateRequest{}
	for i := range 101 {
		many.DNSNames = append(many.DNSNames, fmt.Sprintf("h%d.example.com", i))
	}
	weak := good
	weak.SignatureAlgorithm = x509.SHA1WithRSA
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := rsa.GenerateKey(rand.Reader, 2056)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		data []byte
		want string
	}{
		{"nothing", nil, "it is no certificate request"},
		{"junk", []byte("junk"), "it is no certificate request"},
		{"cut", request(t, ec, good)[:100], "it is no certificate request"},
		{"too much", make([]byte, cert.MaxCSR+1), "at most 32768 bytes"},
		{"a key beside it", append(bytes.Clone(encoded), private...), "it holds a private key; keep that where it is"},
		{"a key alone, DER", pkcs8(t, ec), "it holds a private key; keep that where it is"},
		{"damaged PEM", bytes.Replace(encoded, []byte("-----\nM"), []byte("-----\n*"), 1), "its PEM is damaged"},
		{"PEM without its end", encoded[:len(encoded)-20], "its PEM is damaged"},
		{"two", append(bytes.Clone(encoded), encoded...), "more than one certificate request"},
		{"a certificate", bytes.ReplaceAll(encoded, []byte("CERTIFICATE REQUEST"), []byte("CERTIFICATE")), `it holds a "CERTIFICATE"`},
		{"forged", forged, "its signature is not by its own key"},
		{"signed with SHA-1", request(t, newKey(t, cert.RSA2048), weak), "make it with SHA-256"},
		{"Ed25519", request(t, edwards, good), "its key is Ed25519; CAs take EC256, EC384, RSA2048, RSA3072, RSA4096"},
		{"P-521", request(t, p521, good), "its key is EC521"},
		{"an odd size", request(t, odd, good), "its key is RSA2056"},
		{"no name", request(t, ec, x509.CertificateRequest{}), "it asks for no name"},
		{"a company as CN", request(t, ec, x509.CertificateRequest{Subject: pkix.Name{CommonName: "Example Inc."}, DNSNames: good.DNSNames}), "leave CN out"},
		{"a path as a name", request(t, ec, x509.CertificateRequest{DNSNames: []string{"../../etc/passwd"}}), "is not a DNS label"},
		{"101 names", request(t, ec, many), "101 names"},
		{"a URI", request(t, ec, x509.CertificateRequest{DNSNames: good.DNSNames, URIs: []*url.URL{{Scheme: "spiffe", Host: "x"}}}), "e-mail addresses or URIs"},
	} {
		_, err := cert.ParseCSR(c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: the error quotes content", c.what)
		}
	}
}

func TestTheNamesOfARequestAreComparedBothWays(t *testing.T) {
	c := cert.CSR{Names: []string{"a.example.com", "b.example.com"}}
	for _, x := range []struct {
		want []string
		says string
	}{
		{[]string{"b.example.com", "a.example.com"}, ""},
		{[]string{"a.example.com"}, "asks for b.example.com too"},
		{[]string{"a.example.com", "b.example.com", "c.example.com"}, "does not ask for c.example.com"},
	} {
		err := c.CheckNames(x.want)
		if (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) {
			t.Errorf("%q: %v, want %q", x.want, err, x.says)
		}
	}
}
