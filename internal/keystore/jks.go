package keystore

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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
	return ReadJKSAt(bytes.NewReader(data), int64(len(data)))
}

// ReadJKSAt is ReadJKS of a file of so many bytes that lies elsewhere: not one byte
// of a key is asked for, and of a certificate once.
func ReadJKSAt(from io.ReaderAt, size int64) (entries []Entry, unreadable []string, err error) {
	entries, unreadable, err = (&jks{from: from, size: size}).all()
	return entries, unreadable, err
}

func (r *jks) all() (entries []Entry, unreadable []string, err error) {
	r.ahead(4 + 4 + 4)
	if r.number(4) != MagicJKS {
		if r.broken != nil {
			return nil, nil, r.broken
		}
		return nil, nil, errors.New("not a JKS keystore")
	}
	version, count := r.number(4), r.number(4)
	if version != 1 && version != 2 || count > maxEntries {
		return nil, nil, fmt.Errorf("a JKS keystore of version %d with %d entries is not read", version, count)
	}
	for range count {
		e, bad, err := r.entry(version)
		if r.broken != nil {
			return nil, unreadable, r.broken
		}
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
	r.ahead(4 + 2)
	tag, alias := r.number(4), r.number(2)
	if tag == 1 {
		r.ahead(alias + 8 + 4)
	} else {
		r.ahead(alias + 8 + lead)
	}
	e.Alias = string(r.bytes(alias))
	r.bytes(8) // when it was made
	certificates := uint64(1)
	switch tag {
	case 1:
		e.Keyed = true
		if n := r.number(4); r.keys {
			e.sealed = r.bytes(n)
		} else {
			r.skip(n)
		}
		r.ahead(4 + lead)
		certificates = r.number(4)
	case 2:
	default:
		return e, nil, fmt.Errorf("the JKS keystore has an entry of kind %d, which is not known", tag)
	}
	for range min(certificates, maxEntries) {
		if version == 2 {
			r.bytes(r.number(2)) // "X.509"
		}
		n := r.number(4)
		r.ahead(n + lead)
		der := r.bytes(n)
		if r.short || r.broken != nil {
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
	// What could be followed to its end holds no length that leads out of it.
	entries, _, err := (&jks{from: bytes.NewReader(data), size: int64(len(data)), keys: true}).all()
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
	from   io.ReaderAt
	at     int64  // from the beginning of the file: what is read next
	size   int64  // of the file
	got    []byte // of it, from at on, read ahead
	keys   bool   // keys are read, too
	short  bool
	broken error // it could not be read
}

// lead is what stands before a certificate: the length of "X.509", that, and its own
// length. So much behind a certificate is no part of a key: before the next one stand
// the kind of its entry, an alias, a date and its length, which are longer.
const lead = 2 + 5 + 4

// ahead reads so many bytes at once, as far as they are there.
func (r *jks) ahead(n uint64) {
	n = min(n, uint64(r.size-r.at))
	if have := uint64(len(r.got)); n > have && r.broken == nil {
		more := make([]byte, n-have)
		if read, err := r.from.ReadAt(more, r.at+int64(have)); read < len(more) {
			r.broken = fmt.Errorf("the JKS keystore cannot be read to its end: %w", err)
			return
		}
		r.got = append(r.got, more...)
	}
}

func (r *jks) bytes(n uint64) []byte {
	if n > uint64(r.size-r.at) {
		r.short, r.at, r.got = true, r.size, nil
		return nil
	}
	r.ahead(n)
	if r.broken != nil {
		return nil
	}
	out := r.got[:n:n]
	r.at, r.got = r.at+int64(n), r.got[n:]
	return out
}

// skip passes over bytes without reading them.
func (r *jks) skip(n uint64) {
	if n > uint64(r.size-r.at) {
		r.bytes(n)
		return
	}
	r.at, r.got = r.at+int64(n), r.got[min(n, uint64(len(r.got))):]
}

// number reads an unsigned one of so many bytes.
func (r *jks) number(size uint64) uint64 {
	b := make([]byte, 8)
	copy(b[8-size:], r.bytes(size))
	return binary.BigEndian.Uint64(b)
}
