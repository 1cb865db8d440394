package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CSR is a certificate request (PKCS#10, RFC 2986) that somebody made on the
// host where its private key stays. All of it is public.
type CSR struct {
	DER          []byte   `json:"der"`
	Key          string   `json:"key"`          // reference of its public key, see KeyReference
	KeyAlgorithm string   `json:"keyAlgorithm"` // as KeyAlgorithmOf has it
	Names        []string `json:"names"`        // parsed, sorted
}

const (
	// MaxCSR bounds a request, in bytes as it is read: 100 long names fit well.
	MaxCSR = 32 << 10
	// maxRequested is how many names public CAs take at most.
	maxRequested = 100
)

// ParseCSR reads a request, PEM or DER, that strangers may have made: bounded,
// signed by its own key, of a kind of key that CAs take, and with names that can
// be in a certificate. A private key beside it is refused: it has no business here.
func ParseCSR(data []byte) (CSR, error) {
	if len(data) > MaxCSR {
		return CSR{}, fmt.Errorf("a certificate request has at most %d bytes, this has %d", MaxCSR, len(data))
	}
	der, err := requestBlock(data)
	if err != nil {
		return CSR{}, err
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return CSR{}, fmt.Errorf("it is no certificate request (PKCS#10, PEM or DER): %w", err)
	}
	c := CSR{DER: der, KeyAlgorithm: keyAlgorithm(r.PublicKey, r.PublicKeyAlgorithm)}
	if err := c.checkKey(r); err != nil { // first: the signature of a huge key is slow to check
		return CSR{}, err
	}
	if err := r.CheckSignature(); err != nil {
		return CSR{}, fmt.Errorf("its signature is not by its own key: %w", err)
	}
	if c.Names, err = requestedNames(r); err != nil {
		return CSR{}, err
	}
	c.Key, err = KeyReference(r.PublicKey)
	return c, err
}

// requestBlock gives the DER of the one request in the data.
func requestBlock(data []byte) ([]byte, error) {
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) || isKey(data) {
		return nil, errors.New("it holds a private key; keep that where it is, and give the certificate request alone")
	}
	var found []byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "CERTIFICATE REQUEST") { // also NEW CERTIFICATE REQUEST
			return nil, fmt.Errorf("it holds a %q, not a CERTIFICATE REQUEST", block.Type)
		}
		if found != nil {
			return nil, errors.New("it holds more than one certificate request; give one")
		}
		found = block.Bytes
	}
	switch {
	case found != nil:
		return found, nil
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return nil, errors.New("its PEM is damaged: what stands between BEGIN and END is not base64, or END is missing; copy the whole file again")
	}
	return data, nil
}

// isKey reports whether the data is the DER of a private key.
func isKey(data []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(data)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(data)
	_, sec1 := x509.ParseECPrivateKey(data)
	return pkcs8 == nil || pkcs1 == nil || sec1 == nil
}

func (c CSR) checkKey(r *x509.CertificateRequest) error {
	if !slices.Contains(KeyTypes, KeyType(c.KeyAlgorithm)) { // public CAs sign no others (CA/Browser Forum Baseline Requirements, 6.1.5)
		return fmt.Errorf("its key is %s; CAs take %s: make a key of such a kind on the host, and another request", c.KeyAlgorithm, list(KeyTypes))
	}
	if k, ok := r.PublicKey.(*rsa.PublicKey); ok && (k.E < 3 || k.E%2 == 0) {
		return fmt.Errorf("the exponent %d of its RSA key is not an odd number from 3 on; make another key (65537 is usual)", k.E)
	}
	switch r.SignatureAlgorithm {
	case x509.UnknownSignatureAlgorithm:
		return errors.New("it is signed in a way that is not known; make it with SHA-256 (openssl req -new -sha256)")
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		return fmt.Errorf("it is signed with %s, which CAs refuse; make it with SHA-256 (openssl req -new -sha256)", r.SignatureAlgorithm)
	}
	return nil
}

// requestedNames are the names that a request asks for. A common name is one of
// them (RFC 8555, 7.4), and must be a name.
func requestedNames(r *x509.CertificateRequest) ([]string, error) {
	if len(r.EmailAddresses) > 0 || len(r.URIs) > 0 {
		return nil, errors.New("it asks for e-mail addresses or URIs; a server's certificate has DNS names and IP addresses alone")
	}
	var names []string
	names = append(names, r.DNSNames...)
	for _, ip := range r.IPAddresses {
		names = append(names, ip.String())
	}
	if cn := r.Subject.CommonName; cn != "" {
		if _, err := ParseName(cn); err != nil {
			return nil, fmt.Errorf("its common name: %w; leave CN out, or make it one of the names", err)
		}
		names = append(names, cn)
	}
	if len(names) == 0 {
		return nil, errors.New("it asks for no name; give it a subjectAltName (openssl req -addext subjectAltName=DNS:www.example.com)")
	}
	out, err := ParseNames(names)
	if err != nil {
		return nil, fmt.Errorf("it asks for names that cannot be had: %w", err)
	}
	if len(out) > maxRequested {
		return nil, fmt.Errorf("it asks for %d names; a certificate has at most %d", len(out), maxRequested)
	}
	return out, nil
}

// PEM is the request as people exchange it.
func (c CSR) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: c.DER})
}

// ShortKey is how people tell the key from others.
func (c CSR) ShortKey() string { return c.KeyAlgorithm + " " + Fingerprint(c.Key).Short() }

// PublicKey is the key that the request is for.
func (c CSR) PublicKey() (crypto.PublicKey, error) {
	r, err := x509.ParseCertificateRequest(c.DER)
	if err != nil {
		return nil, err
	}
	return r.PublicKey, nil
}

// CheckNames tells how the names differ from those that are wanted; nil if they do not.
func (c CSR) CheckNames(want []string) error {
	lacks := slices.DeleteFunc(slices.Clone(want), func(n string) bool { return slices.Contains(c.Names, n) })
	more := slices.DeleteFunc(slices.Clone(c.Names), func(n string) bool { return slices.Contains(want, n) })
	switch {
	case len(lacks) > 0:
		return fmt.Errorf("the request does not ask for %s; make it for exactly the names of the certificate", strings.Join(lacks, ", "))
	case len(more) > 0:
		return fmt.Errorf("the request asks for %s too; make it for exactly the names of the certificate, or name them all", strings.Join(more, ", "))
	}
	return nil
}

func list(kinds []KeyType) string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// belongs reports whether two public keys are the same.
func belongs(public, other crypto.PublicKey) bool {
	p, ok := public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && p.Equal(other)
}

func keyAlgorithm(public crypto.PublicKey, otherwise x509.PublicKeyAlgorithm) string {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return "EC" + strconv.Itoa(k.Curve.Params().BitSize)
	case *rsa.PublicKey:
		return "RSA" + strconv.Itoa(k.N.BitLen())
	}
	if otherwise == x509.UnknownPublicKeyAlgorithm {
		return "of an unknown kind"
	}
	return otherwise.String()
}
