package keystore

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// maxIterations bounds the hashing that a file may ask for before it can be
// read: programs write up to some hundred thousand; two billion are an attack.
const maxIterations = 1_000_000

// MaxDecrypt is how long decrypting may take: what is encrypted inside may ask
// for any number of iterations, and only this stops the wait for it.
const MaxDecrypt = 10 * time.Second

var (
	// ErrNotPKCS12: the data is something else.
	ErrNotPKCS12 = errors.New("not PKCS#12")
	// ErrPassword: the keystore does not open with this password.
	ErrPassword = errors.New("the password is wrong")
)

// OpenPKCS12 reads a PKCS#12 keystore (RFC 7292) or truststore: a key with its
// certificates, the one of the key first and the others as they come, or each
// trusted certificate as an entry of its own. Errors are ErrNotPKCS12,
// ErrPassword, or say what is wrong with the file.
func OpenPKCS12(data []byte, password string) ([]Entry, error) {
	if !looksLikePKCS12(data) {
		return nil, ErrNotPKCS12
	}
	if n := iterations(data, 0); n.Cmp(big.NewInt(maxIterations)) > 0 {
		return nil, fmt.Errorf("the PKCS#12 keystore asks for %s iterations; more than %d are not done", n, maxIterations)
	}
	done := make(chan opened, 1)
	go func() { done <- open(data, password) }() // it cannot be stopped, only left behind
	select {
	case o := <-done:
		switch {
		case errors.Is(o.err, pkcs12.ErrIncorrectPassword), errors.Is(o.err, pkcs12.ErrDecryption):
			return nil, ErrPassword
		case o.err != nil:
			return nil, fmt.Errorf("the PKCS#12 keystore cannot be read: %w", o.err)
		}
		return o.entries, nil
	case <-time.After(MaxDecrypt):
		return nil, fmt.Errorf("the PKCS#12 keystore takes longer than %s to decrypt", MaxDecrypt)
	}
}

type opened struct {
	entries []Entry
	err     error
}

// open reads a key with its chain, or else a truststore.
func open(data []byte, password string) opened {
	key, leaf, rest, err := pkcs12.DecodeChain(data, password)
	if err == nil {
		e := Entry{Chain: append([]*x509.Certificate{leaf}, rest...), Keyed: true}
		e.Key, _ = key.(crypto.Signer)
		return opened{entries: []Entry{e}}
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return opened{err: err}
	}
	trusted, notTrust := pkcs12.DecodeTrustStore(data, password)
	if notTrust != nil {
		return opened{err: err}
	}
	var out opened
	for _, c := range trusted {
		out.entries = append(out.entries, Entry{Chain: []*x509.Certificate{c}})
	}
	return out
}

// looksLikePKCS12: a PFX is a sequence of the version 3, a content and a MAC (RFC 7292, 4).
func looksLikePKCS12(data []byte) bool {
	var outer, version asn1.RawValue
	if _, err := asn1.Unmarshal(data, &outer); err != nil || outer.Tag != asn1.TagSequence {
		return false
	}
	_, err := asn1.Unmarshal(outer.Bytes, &version)
	return err == nil && version.Class == asn1.ClassUniversal && version.Tag == asn1.TagInteger && len(version.Bytes) == 1 && version.Bytes[0] == 3
}

// maxDepth bounds how deep DER is followed.
const maxDepth = 32

// iterations gives the greatest number that follows a salt (an octet string) in
// DER: so PBES, PBKDF2 and the MAC write how often to hash.
func iterations(der []byte, depth int) *big.Int {
	most := new(big.Int)
	larger := func(n *big.Int) {
		if n.Cmp(most) > 0 {
			most = n
		}
	}
	if depth > maxDepth {
		return most
	}
	salted := false
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return most
		}
		der = rest
		switch {
		case v.IsCompound:
			larger(iterations(v.Bytes, depth+1))
		case v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString:
			larger(iterations(v.Bytes, depth+1))
		case salted && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger:
			larger(new(big.Int).SetBytes(v.Bytes))
		}
		salted = v.Class == asn1.ClassUniversal && v.Tag == asn1.TagOctetString
	}
	return most
}
