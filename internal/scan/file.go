package scan

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/keystore"
)

// Held is one chain of a file, leaf first, and what is wrong with it.
type Held struct {
	Alias    string // of a keystore's entry; empty elsewhere
	Format   string // PEM, DER, PKCS#12 or JKS
	Chain    []*x509.Certificate
	Keyed    bool // there is a private key with it, readable or not
	Findings []cert.Finding
}

// Unreadable is a certificate of a file that cannot be read.
type Unreadable struct {
	Why     string // with what the outline says
	Outline Outline
}

// Contents is what a file holds, judged.
type Contents struct {
	Held       []Held
	Unreadable []Unreadable
}

// contents is what a file holds before it is judged.
type contents struct {
	format     string
	entries    []entry
	unreadable []Unreadable
}

type entry struct {
	alias string
	chain []*x509.Certificate
	keys  []crypto.Signer
	keyed bool // there is a private key, readable or not
}

// ErrNoCertificate: the file is well, and holds something else.
var ErrNoCertificate = errors.New("no certificate in it")

// ErrNothing: the file does not look like anything that holds certificates.
var ErrNothing = errors.New("neither PEM nor DER nor a keystore (PKCS#12, JKS)")

// File reads the certificates of a PEM, DER, PKCS#12 or JKS file and judges each
// chain. The password is needed for PKCS#12 alone. Files are hostile: only
// regular ones are read, no further than maxFile, and what would take long to
// decrypt is refused. A file without a certificate that can be read is an error.
func (s *Scanner) File(path, password string, names []string) ([]Held, error) {
	data, mode, err := readRegular(path)
	if err != nil {
		return nil, err
	}
	c, err := s.Read(data, mode, password, names)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case len(c.Held) > 0:
		if real, err := filepath.EvalSymlinks(path); err == nil { // else it has gone since
			c.Beside(real, nil)
		}
		return c.Held, nil
	case len(c.Unreadable) > 0:
		return nil, fmt.Errorf("%s: %s", path, c.Unreadable[0].Why)
	}
	return nil, fmt.Errorf("%s: %w", path, ErrNoCertificate)
}

// Read does so with what was read of a file already; there may be nothing in it.
func (s *Scanner) Read(data []byte, mode os.FileMode, password string, names []string) (Contents, error) {
	c, err := s.decode(data, password)
	if err != nil {
		return Contents{}, err
	}
	return s.judged(c, mode, names), nil
}

func (s *Scanner) judged(c contents, mode os.FileMode, names []string) Contents {
	out := Contents{Unreadable: c.unreadable}
	for i, e := range c.entries {
		h := Held{Alias: clean(e.alias), Format: c.format, Chain: e.chain, Keyed: e.keyed, Findings: s.Judge(e.chain, names)}
		h.Findings = append(h.Findings, e.ofKeys(mode)...)
		for _, u := range c.unreadable {
			if i == 0 {
				h.Findings = append(h.Findings, cert.Find(cert.CertificateUnreadable, u.Why))
			}
		}
		out.Held = append(out.Held, h)
	}
	return out
}

// ofKeys compares the keys beside a chain with it, and says who may read them.
func (e entry) ofKeys(mode os.FileMode) (out []cert.Finding) {
	if e.keyed && mode.Perm()&0o004 != 0 {
		out = append(out, found(cert.KeyExposed, "holds a private key, and everybody on this machine may read it (%s)", mode.Perm())...)
	}
	for _, k := range e.keys {
		public, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool })
		if ok && public.Equal(e.chain[0].PublicKey) {
			return out
		}
	}
	if len(e.keys) > 0 {
		out = append(out, found(cert.KeyMismatch, "the private key in it does not belong to its first certificate (%s)", subject(e.chain[0]))...)
	}
	return out
}

func (s *Scanner) decode(data []byte, password string) (contents, error) {
	switch {
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return s.decodePEM(data)
	case len(data) > 4 && binary.BigEndian.Uint32(data) == keystore.MagicJKS:
		return decodeJKS(bytes.NewReader(data), int64(len(data)))
	case len(data) > 4 && binary.BigEndian.Uint32(data) == keystore.MagicJCEKS:
		return contents{}, errors.New("a JCEKS keystore is not read; convert it: keytool -importkeystore -srcstoretype JCEKS -deststoretype PKCS12")
	case len(data) == 0:
		return contents{}, errors.New("the file is empty")
	case data[0] != 0x30:
		return contents{}, ErrNothing
	}
	chain, err := x509.ParseCertificates(data)
	if err == nil {
		return contents{format: "DER", entries: []entry{{chain: chain}}}, nil
	}
	c, notP12 := decodeP12(data, password)
	if o := OutlineOf(data); errors.Is(notP12, keystore.ErrNotPKCS12) && !o.NotAfter.IsZero() {
		return contents{format: "DER", unreadable: []Unreadable{{"the certificate cannot be read: " + bare(err) + "; " + o.String(), o}}}, nil
	}
	if errors.Is(notP12, keystore.ErrNotPKCS12) {
		return contents{}, fmt.Errorf("neither a certificate (%s) nor a PKCS#12 keystore", clean(strings.TrimPrefix(err.Error(), "x509: ")))
	}
	return c, notP12
}

func (s *Scanner) decodePEM(data []byte) (contents, error) {
	c := contents{format: "PEM"}
	var e entry
	var other []string
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE" || block.Type == "X509 CERTIFICATE":
			x, err := s.parsed.certificate(block.Bytes)
			if err != nil {
				o := OutlineOf(block.Bytes)
				why := fmt.Sprintf("certificate %d cannot be read: %s; %s", len(e.chain)+len(c.unreadable)+1, bare(err), o)
				c.unreadable = append(c.unreadable, Unreadable{why, o})
				continue
			}
			e.chain = append(e.chain, x)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			e.keyed = true
			if k, err := cert.DecodeKey(pem.EncodeToMemory(block)); err == nil { // an encrypted one is left alone
				e.keys = append(e.keys, k)
			}
		default:
			other = append(other, clean(block.Type))
		}
	}
	switch {
	case bundle(e.chain):
		for _, x := range e.chain {
			c.entries = append(c.entries, entry{chain: []*x509.Certificate{x}})
		}
	case len(e.chain) > 0:
		c.entries = []entry{e}
	case len(c.unreadable) > 0:
	case len(other) > 0:
		return c, fmt.Errorf("%w, only %s", ErrNoCertificate, strings.Join(other[:min(len(other), 5)], ", "))
	case e.keyed:
		return c, fmt.Errorf("%w, only a private key", ErrNoCertificate)
	}
	return c, nil
}

// bundle tells a list of roots from a chain: several that issued themselves.
func bundle(chain []*x509.Certificate) bool {
	roots := 0
	for _, c := range chain {
		if c.IsCA && sameName(c) {
			roots++
		}
	}
	return roots > 1
}
