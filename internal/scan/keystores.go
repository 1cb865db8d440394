package scan

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/neverlapse/neverlapse/internal/keystore"
)

var errPassword = errors.New("the password is missing or wrong; give a file that holds it by --password-file")

// decodeP12 reads a PKCS#12 keystore or truststore.
func decodeP12(data []byte, password string) (contents, error) {
	c := contents{format: "PKCS#12"}
	entries, err := keystore.OpenPKCS12(data, password)
	switch {
	case errors.Is(err, keystore.ErrNotPKCS12):
		return c, err
	case errors.Is(err, keystore.ErrPassword):
		return c, errPassword
	case err != nil:
		return c, errors.New(clean(err.Error()))
	}
	for _, e := range entries {
		e.Chain = ordered(e.Chain[0], e.Chain[1:])
		c.entries = append(c.entries, entryOf(e))
	}
	return c, nil
}

// decodeJKS reads the certificates of a JKS keystore; no password is needed for them.
func decodeJKS(from io.ReaderAt, size int64) (contents, error) {
	c := contents{format: "JKS"}
	entries, unreadable, err := keystore.ReadJKSAt(from, size)
	if err != nil {
		return c, err
	}
	for _, e := range entries {
		c.entries = append(c.entries, entryOf(e)) // in the order that Java serves
	}
	for _, why := range unreadable {
		c.unreadable = append(c.unreadable, Unreadable{Why: clean(why)})
	}
	return c, nil
}

// JKS judges what a JKS keystore of so many bytes holds. No byte of a key is read.
func (s *Scanner) JKS(from io.ReaderAt, size int64, mode os.FileMode) (Contents, error) {
	c, err := decodeJKS(from, size)
	if err != nil {
		return Contents{}, errors.New(clean(err.Error()))
	}
	return s.judged(c, mode, nil), nil
}

func entryOf(e keystore.Entry) entry {
	out := entry{alias: e.Alias, chain: e.Chain, keyed: e.Keyed}
	if e.Key != nil {
		out.keys = []crypto.Signer{e.Key}
	}
	return out
}

// ordered puts a chain in order: a PKCS#12 keystore's order means nothing. What
// does not belong to it comes last.
func ordered(leaf *x509.Certificate, rest []*x509.Certificate) []*x509.Certificate {
	out, rest := []*x509.Certificate{leaf}, slices.Clone(rest)
	for {
		i := issuerOf(out[len(out)-1], rest)
		if i < 0 {
			return append(out, rest...)
		}
		out, rest = append(out, rest[i]), slices.Delete(rest, i, i+1)
	}
}

// issuerOf gives the place of a certificate's issuer. Signatures decide between
// several of its name alone: whether the only one signed is judged afterwards.
func issuerOf(c *x509.Certificate, among []*x509.Certificate) int {
	named := func(by *x509.Certificate) bool { return bytes.Equal(by.RawSubject, c.RawIssuer) && !by.Equal(c) }
	i := slices.IndexFunc(among, named)
	if i < 0 || !slices.ContainsFunc(among[i+1:], named) {
		return i
	}
	return slices.IndexFunc(among, func(by *x509.Certificate) bool { return named(by) && issued(by, c) })
}
