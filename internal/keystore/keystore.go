// Package keystore reads and writes PKCS#12 (RFC 7292) and JKS, the keystores of
// Java and Windows. What it reads is hostile: lengths, entries and hashing are
// bounded. scan calls it to look at files of others, target to write and read
// back its own.
//
// It touches no file, and gives no opinion on the certificates.
package keystore

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	java "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// Entry is a key with its certificates, or a trusted certificate alone.
type Entry struct {
	Alias string // empty in PKCS#12
	Chain []*x509.Certificate
	Key   crypto.Signer // nil if there is none or it was not asked for
	Keyed bool          // there is a key, read or not

	sealed []byte // the key as it lies in JKS
}

// PKCS12 gives a keystore with one key and its chain, leaf first. legacy selects
// 3DES and SHA-1, which Windows before Server 2019 and Java before 12 need,
// instead of AES-256 and SHA-256.
func PKCS12(key crypto.Signer, chain []*x509.Certificate, password string, legacy bool) ([]byte, error) {
	chance, err := chanceOf("PKCS#12", key, chain, password)
	if err != nil {
		return nil, err
	}
	encoder := pkcs12.Modern2023
	if legacy {
		encoder = pkcs12.LegacyDES
	}
	return encoder.WithRand(chance).Encode(key, chain[0], chain[1:], password)
}

// JKS gives a keystore of Java's old kind with one key and its chain, leaf
// first. Keystore and key have the same password.
func JKS(key crypto.Signer, chain []*x509.Certificate, alias, password string) ([]byte, error) {
	chance, err := chanceOf("JKS", key, chain, password)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	e := java.PrivateKeyEntry{CreationTime: chain[0].NotBefore, PrivateKey: der}
	for _, c := range chain {
		e.CertificateChain = append(e.CertificateChain, java.Certificate{Type: "X.509", Content: c.Raw})
	}
	ks := java.New(java.WithCustomRandomNumberGenerator(chance))
	if err := ks.SetPrivateKeyEntry(alias, e, []byte(password)); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := ks.Store(&out, []byte(password)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// salts is more than one keystore uses.
const salts = 1 << 10

// chanceOf gives the salts of a keystore. They are derived from everything that
// is in it, with the private key as the secret: equal contents are equal bytes,
// so that writing again changes nothing, and no salt is used for two contents.
func chanceOf(kind string, key crypto.Signer, chain []*x509.Certificate, password string) (io.Reader, error) {
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	all := sha256.New()
	for _, part := range [][]byte{[]byte(kind), []byte(password)} {
		fmt.Fprintf(all, "%d:", len(part))
		all.Write(part)
	}
	for _, c := range chain {
		fmt.Fprintf(all, "%d:", len(c.Raw))
		all.Write(c.Raw)
	}
	stream, err := hkdf.Key(sha256.New, secret, all.Sum(nil), "neverlapse keystore", salts)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(stream), nil
}

// minPassword is what Java's keytool insists on.
const minPassword = 6

// CheckPassword tells why a password cannot be used: what one program takes for
// a letter beyond ASCII, another takes for two.
func CheckPassword(password string) error {
	if len(password) < minPassword {
		return fmt.Errorf("it has %d characters; Java needs at least %d (openssl rand -hex 16 makes a good one)", len(password), minPassword)
	}
	for _, b := range []byte(password) {
		if b < ' ' || b > '~' {
			return errors.New("it holds a character that is not printable ASCII, which programs read differently")
		}
	}
	return nil
}
