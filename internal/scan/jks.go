package scan

import (
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The first four bytes of Java's keystores.
const (
	magicJKS   = 0xfeedfeed
	magicJCEKS = 0xcececece
)

// maxEntries bounds the entries of a keystore: Java's own list of roots has
// about 150.
const maxEntries = 2000

var errCutShort = errors.New("the JKS keystore is cut short")

// decodeJKS reads the certificates of a JKS keystore. They are not encrypted, so
// no password is asked for; nor is the digest checked, which needs one. Keys are
// passed over. The known library allocates what a length in the file says.
func decodeJKS(data []byte) (contents, error) {
	c := contents{format: "JKS"}
	r := &jks{rest: data}
	version, count := r.number(4), r.number(4)
	if version != 1 && version != 2 || count > maxEntries {
		return c, fmt.Errorf("a JKS keystore of version %d with %d entries is not read", version, count)
	}
	for range count {
		tag := r.number(4)
		e := entry{alias: string(r.bytes(r.number(2)))}
		r.bytes(8) // when it was made
		certificates := uint64(1)
		switch tag {
		case 1:
			e.keyed = true
			r.bytes(r.number(4)) // the encrypted key
			certificates = r.number(4)
		case 2:
		default:
			return c, fmt.Errorf("the JKS keystore has an entry of kind %d, which is not known", tag)
		}
		for range min(certificates, maxEntries) {
			if version == 2 {
				r.bytes(r.number(2)) // "X.509"
			}
			der := r.bytes(r.number(4))
			if r.short {
				return c, errCutShort
			}
			x, err := x509.ParseCertificate(der)
			if err != nil {
				c.unreadable = append(c.unreadable, fmt.Sprintf("a certificate of %q cannot be read: %s", clean(e.alias), clean(strings.TrimPrefix(err.Error(), "x509: "))))
				continue
			}
			e.chain = append(e.chain, x)
		}
		if len(e.chain) > 0 {
			c.entries = append(c.entries, e)
		}
	}
	if r.short {
		return c, errCutShort
	}
	return c, nil
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
