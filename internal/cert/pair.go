package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// KeyType names the kind of private key to make. The names are lego's.
type KeyType string

// The key types that can be asked for.
const (
	EC256   KeyType = "EC256"
	EC384   KeyType = "EC384"
	RSA2048 KeyType = "RSA2048"
	RSA3072 KeyType = "RSA3072"
	RSA4096 KeyType = "RSA4096"
)

// KeyTypes lists them, the default first.
var KeyTypes = []KeyType{EC256, EC384, RSA2048, RSA3072, RSA4096}

// ParseKeyType reads a key type; empty means EC256.
func ParseKeyType(s string) (KeyType, error) {
	if s == "" {
		return EC256, nil
	}
	for _, k := range KeyTypes {
		if strings.EqualFold(string(k), s) {
			return k, nil
		}
	}
	return "", fmt.Errorf("key type %q is not known; use one of %s", s, list(KeyTypes))
}

// GenerateKey makes a private key.
func GenerateKey(t KeyType) (crypto.Signer, error) {
	switch t {
	case EC256, "":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EC384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	}
	return nil, fmt.Errorf("key type %q is not known", t)
}

// KeyAlgorithmOf names a leaf's public key: EC256, RSA2048, Ed25519, ...
func KeyAlgorithmOf(leaf *x509.Certificate) string {
	return keyAlgorithm(leaf.PublicKey, leaf.PublicKeyAlgorithm)
}

// Pair is a chain and its private key, both PEM. It lives only in the store,
// in targets and in memory between them; it never enters a workflow payload,
// and printing it shows nothing.
type Pair struct {
	Chain []byte // leaf first, then intermediates
	Key   []byte // PKCS#8, "PRIVATE KEY"
	// KeptKey declares that the key was made on the host that uses it and stays
	// there: Key is empty, and targets receive the chain alone.
	KeptKey bool
}

// String hides the content.
func (p Pair) String() string { return "cert.Pair(hidden)" }

// GoString hides the content from %#v.
func (p Pair) GoString() string { return p.String() }

// LogValue hides the content from slog.
func (p Pair) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalJSON refuses: a key must never reach a payload.
func (p Pair) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a key pair must not be encoded")
}

// EncodeKey gives the PKCS#8 PEM of a private key.
func EncodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// DecodeKey reads the first private key (PKCS#8, PKCS#1 or SEC 1) of a PEM text.
// The error never quotes the input.
func DecodeKey(data []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if s, ok := k.(crypto.Signer); ok {
				return s, nil
			}
			return nil, errors.New("private key cannot sign")
		}
		if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return k, nil
		}
		if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return k, nil
		}
		return nil, fmt.Errorf("private key in a %q block cannot be read", block.Type)
	}
	return nil, errors.New("no private key found")
}

// DecodeChain reads every certificate of a PEM text, in order.
func DecodeChain(data []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the chain: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("no certificate found")
	}
	return out, nil
}

// Linked counts the certificates after the leaf of which each issued the one
// before it (RFC 8446, 4.4.2). A root is not counted: clients have their own.
func Linked(chain []*x509.Certificate) int {
	for i := 1; i < len(chain); i++ {
		root := bytes.Equal(chain[i].RawSubject, chain[i].RawIssuer)
		if root || chain[i-1].CheckSignatureFrom(chain[i]) != nil {
			return i - 1
		}
	}
	return max(0, len(chain)-1)
}

// EncodeChain gives the PEM of a chain.
func EncodeChain(chain []*x509.Certificate) []byte {
	var b []byte
	for _, c := range chain {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

// Version reads the pair's version off its leaf.
func (p Pair) Version() (Version, error) {
	chain, err := DecodeChain(p.Chain)
	if err != nil {
		return Version{}, err
	}
	v := VersionOf(chain[0])
	if p.KeptKey {
		v.KeptKey, err = KeyReference(chain[0].PublicKey)
	}
	return v, err
}

// Check tells why the pair must not reach a target, nil if it may: the chain is
// complete and in order, the key is the leaf's, the names are covered, and now
// lies inside its validity. Servers do not check this (Apache accepts a wrong
// key and dies; all accept an expired leaf), so we do.
func (p Pair) Check(names []string, now time.Time) error {
	chain, err := DecodeChain(p.Chain)
	if err != nil {
		return err
	}
	leaf := chain[0]
	if err := p.CheckKey(leaf); err != nil {
		return err
	}
	if leaf.IsCA {
		return fmt.Errorf("the first certificate of the chain is a CA's, not a server's")
	}
	for i := 0; i+1 < len(chain); i++ {
		if err := chain[i].CheckSignatureFrom(chain[i+1]); err != nil {
			return fmt.Errorf("chain out of order: certificate %d is not signed by certificate %d: %w", i+1, i+2, err)
		}
	}
	v := VersionOf(leaf)
	if missing := Covers(v.Names, names); len(missing) > 0 {
		return fmt.Errorf("the certificate does not cover %s", strings.Join(missing, ", "))
	}
	for i, c := range chain {
		if now.Before(c.NotBefore) {
			return fmt.Errorf("certificate %d of the chain is not valid before %s", i+1, c.NotBefore.UTC().Format(time.RFC3339))
		}
		if !now.Before(c.NotAfter) {
			return fmt.Errorf("certificate %d of the chain expired at %s", i+1, c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// CheckKey tells why the key is not as it should be: the leaf's, or none where
// it stays on its host.
func (p Pair) CheckKey(leaf *x509.Certificate) error {
	if p.KeptKey {
		if len(p.Key) > 0 {
			return errors.New("a private key came along although it is declared to stay on its host")
		}
		return nil
	}
	key, err := DecodeKey(p.Key)
	if err != nil {
		return err
	}
	if !belongs(key.Public(), leaf.PublicKey) {
		return fmt.Errorf("the private key does not belong to the certificate %s", FingerprintOf(leaf).Short())
	}
	return nil
}
