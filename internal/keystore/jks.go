package keystore

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	java "github.com/pavlo-v-chernykh/keystore-go/v4"
)

// The first four bytes of Java's keystores.
const (
	MagicJKS   = 0xfeedfeed
	MagicJCEKS = 0xcececece
)

// maxEntries bounds the entries of a keystore: Java's own list of roots has
// about 150.
const maxEntries = 2000

var errCutShort = errors.New("the JKS keystore is cut short")

// ReadJKS reads the certificates of a JKS keystore, and why some cannot be read.
// They are not encrypted, so no password is asked for; nor is the digest
// checked, which needs one. Keys are passed over. The known library allocates
// what a length in the file says.
func ReadJKS(data []byte) (entries []Entry, unreadable []string, err error) {
	r := &jks{rest: data}
	if r.number(4) != MagicJKS {
		return nil, nil, errors.New("not a JKS keystore")
	}
	version, count := r.number(4), r.number(4)
	if version != 1 && version != 2 || count > maxEntries {
		return nil, nil, fmt.Errorf("a JKS keystore of version %d with %d entries is not read", version, count)
	}
	for range count {
		e, bad, err := r.entry(version)
		if err != nil {
			return nil, unreadable, err
		}
		unreadable = append(unreadable, bad...)
		if len(e.Chain) > 0 {
			entries = append(entries, e)
		}
	}
	if r.short {
		return nil, unreadable, errCutShort
	}
	return entries, unreadable, nil
}

// entry reads the next one.
func (r *jks) entry(version uint64) (e Entry, unreadable []string, err error) {
	tag := r.number(4)
	e.Alias = string(r.bytes(r.number(2)))
	r.bytes(8) // when it was made
	certificates := uint64(1)
	switch tag {
	case 1:
		e.Keyed = true
		e.sealed = r.bytes(r.number(4))
		certificates = r.number(4)
	case 2:
	default:
		return e, nil, fmt.Errorf("the JKS keystore has an entry of kind %d, which is not known", tag)
	}
	for range min(certificates, maxEntries) {
		if version == 2 {
			r.bytes(r.number(2)) // "X.509"
		}
		der := r.bytes(r.number(4))
		if r.short {
			return e, nil, errCutShort
		}
		x, err := x509.ParseCertificate(der)
		if err != nil {
			unreadable = append(unreadable, fmt.Sprintf("a certificate of %q cannot be read: %s", e.Alias, strings.TrimPrefix(err.Error(), "x509: ")))
			continue
		}
		e.Chain = append(e.Chain, x)
	}
	return e, unreadable, nil
}

// OpenJKS reads a JKS keystore with its keys, and checks its digest; ErrPassword
// if it does not open.
func OpenJKS(data []byte, password string) ([]Entry, error) {
	// What ReadJKS could follow to its end holds no length that leads out of it.
	entries, _, err := ReadJKS(data)
	if err != nil {
		return nil, err
	}
	ks := java.New(java.WithCaseExactAliases())
	if err := ks.Load(bytes.NewReader(data), []byte(password)); err != nil {
		return nil, fmt.Errorf("%w, or the file was changed: %w", ErrPassword, err)
	}
	for i, e := range entries {
		if !e.Keyed {
			continue
		}
		if entries[i].Key, err = keyOf(ks, e, password); err != nil {
			return nil, fmt.Errorf("the key of %q cannot be read: %w", e.Alias, err)
		}
	}
	return entries, nil
}

// shortestKey is salt and digest of an encrypted key, which is all that is
// looked for: the library takes them for granted.
const shortestKey = 40

func keyOf(ks java.KeyStore, entry Entry, password string) (crypto.Signer, error) {
	var sealed struct {
		Algorithm asn1.RawValue
		Data      []byte
	}
	if _, err := asn1.Unmarshal(entry.sealed, &sealed); err != nil || len(sealed.Data) <= shortestKey {
		return nil, errors.New("it is not encrypted as Java does it")
	}
	e, err := ks.GetPrivateKeyEntry(entry.Alias, []byte(password))
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(e.PrivateKey)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
	return signer, nil
}

// jks reads lengths and bytes, never more than there is.
type jks struct {
	rest  []byte
	short bool
}

func (r *jks) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.short, r.rest = true, nil
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

// number reads an unsigned one of so many bytes.
func (r *jks) number(size uint64) uint64 {
	b := make([]byte, 8)
	copy(b[8-size:], r.bytes(size))
	return binary.BigEndian.Uint64(b)
}
