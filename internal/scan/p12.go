package scan

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// maxIterations bounds the hashing that a file may ask for before it can be
// read: programs write up to some hundred thousand; two billion are an attack.
const maxIterations = 1_000_000

// maxDecrypt is how long decrypting may take: what is encrypted inside may ask
// for any number of iterations, and only this stops the wait for it.
const maxDecrypt = 10 * time.Second

var (
	errNotP12   = errors.New("not PKCS#12")
	errPassword = errors.New("the password is missing or wrong; give a file that holds it by --password-file")
)

// decodeP12 reads a PKCS#12 keystore or truststore.
func decodeP12(data []byte, password string) (contents, error) {
	if !looksLikeP12(data) {
		return contents{}, errNotP12
	}
	if n := iterations(data, 0); n.Cmp(big.NewInt(maxIterations)) > 0 {
		return contents{}, fmt.Errorf("the PKCS#12 keystore asks for %s iterations; more than %d are not done", n, maxIterations)
	}
	done := make(chan openedP12, 1)
	go func() { done <- openP12(data, password) }() // it cannot be stopped, only left behind
	c := contents{format: "PKCS#12"}
	select {
	case o := <-done:
		switch {
		case errors.Is(o.err, pkcs12.ErrIncorrectPassword), errors.Is(o.err, pkcs12.ErrDecryption):
			return c, errPassword
		case o.err != nil:
			return c, fmt.Errorf("the PKCS#12 keystore cannot be read: %s", clean(o.err.Error()))
		}
		c.entries = o.entries
		return c, nil
	case <-time.After(maxDecrypt):
		return c, fmt.Errorf("the PKCS#12 keystore takes longer than %s to decrypt", maxDecrypt)
	}
}

type openedP12 struct {
	entries []entry
	err     error
}

// openP12 reads a key with its chain, or else a truststore.
func openP12(data []byte, password string) openedP12 {
	key, leaf, rest, err := pkcs12.DecodeChain(data, password)
	if err == nil {
		e := entry{chain: ordered(leaf, rest), keyed: true}
		if k, ok := key.(crypto.Signer); ok {
			e.keys = []crypto.Signer{k}
		}
		return openedP12{entries: []entry{e}}
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return openedP12{err: err}
	}
	trusted, notTrust := pkcs12.DecodeTrustStore(data, password)
	if notTrust != nil {
		return openedP12{err: err}
	}
	var out openedP12
	for _, c := range trusted {
		out.entries = append(out.entries, entry{chain: []*x509.Certificate{c}})
	}
	return out
}

// ordered puts a chain in order: a keystore's order means nothing. What does
// not belong to it comes last.
func ordered(leaf *x509.Certificate, rest []*x509.Certificate) []*x509.Certificate {
	out, rest := []*x509.Certificate{leaf}, slices.Clone(rest)
	for {
		last := out[len(out)-1]
		i := slices.IndexFunc(rest, func(c *x509.Certificate) bool { return issued(c, last) && !c.Equal(last) })
		if i < 0 {
			return append(out, rest...)
		}
		out, rest = append(out, rest[i]), slices.Delete(rest, i, i+1)
	}
}

// looksLikeP12: a PFX is a sequence of the version 3, a content and a MAC (RFC 7292, 4).
func looksLikeP12(data []byte) bool {
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
