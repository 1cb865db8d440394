package scan

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/keystore"
)

// put writes a file into a folder of the test's own.
func put(t *testing.T, mode os.FileMode, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, bytes.Join(parts, nil), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func keyPEM(t *testing.T, i issuer) []byte {
	t.Helper()
	out, err := cert.EncodeKey(i.Key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// javaKeystore writes JKS as Java does, without a digest at the end that means anything.
func javaKeystore(entries ...entry) []byte {
	var b bytes.Buffer
	number := func(n any) { binary.Write(&b, binary.BigEndian, n) }
	text := func(s string) { number(uint16(len(s))); b.WriteString(s) }
	number(uint32(keystore.MagicJKS))
	number(uint32(2))
	number(uint32(len(entries)))
	for _, e := range entries {
		tag := uint32(2)
		if e.keyed {
			tag = 1
		}
		number(tag)
		text(e.alias)
		number(uint64(1700000000000))
		if e.keyed {
			number(uint32(4))
			b.WriteString("key!")
			number(uint32(len(e.chain)))
		}
		for _, c := range e.chain {
			text("X.509")
			number(uint32(len(c.Raw)))
			b.Write(c.Raw)
		}
	}
	b.Write(make([]byte, 20))
	return b.Bytes()
}

func TestEveryFormatIsReadAndJudged(t *testing.T) {
	a := newAuthority(t)
	leaf := a.Leaf(t, nil, "www.test")
	chain := []*x509.Certificate{leaf.Cert, a.Intermediate.Cert}
	p12, err := pkcs12.Modern.Encode(leaf.Key, leaf.Cert, []*x509.Certificate{a.Root.Cert, a.Intermediate.Cert}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{a.Root.Cert, a.Intermediate.Cert}, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path, password, format string
		entries, links         int
		want                   []cert.FindingCode
	}{
		"PEM":                 {put(t, 0o644, cert.EncodeChain(chain)), "", "PEM", 1, 2, nil},
		"PEM in Windows' way": {put(t, 0o644, bytes.ReplaceAll(cert.EncodeChain(chain), []byte("\n"), []byte("\r\n"))), "", "PEM", 1, 2, nil},
		"PEM with its key":    {put(t, 0o600, keyPEM(t, leaf), cert.EncodeChain(chain)), "", "PEM", 1, 2, nil},
		"PEM, everybody's":    {put(t, 0o644, keyPEM(t, leaf), cert.EncodeChain(chain)), "", "PEM", 1, 2, []cert.FindingCode{cert.KeyExposed}},
		"PEM, another key":    {put(t, 0o600, keyPEM(t, a.Root), cert.EncodeChain(chain)), "", "PEM", 1, 2, []cert.FindingCode{cert.KeyMismatch}},
		"PEM, broken in part": {put(t, 0o600, cert.EncodeChain(chain), []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")), "", "PEM", 1, 2, []cert.FindingCode{cert.CertificateUnreadable}},
		"DER":                 {put(t, 0o644, leaf.Cert.Raw), "", "DER", 1, 1, []cert.FindingCode{cert.ChainIncomplete}},
		"PKCS#12":             {put(t, 0o600, p12), "secret", "PKCS#12", 1, 3, []cert.FindingCode{cert.RootSent}},
		"PKCS#12 of roots":    {put(t, 0o644, trust), "", "PKCS#12", 2, 1, []cert.FindingCode{}},
		"JKS":                 {put(t, 0o600, javaKeystore(entry{alias: "shop", keyed: true, chain: chain}, entry{alias: "ca", chain: chain[1:]})), "", "JKS", 2, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			held, err := New(Options{Roots: a.Roots}).File(tc.path, tc.password, nil)
			if err != nil || len(held) != tc.entries {
				t.Fatalf("%d entries, %v", len(held), err)
			}
			if h := held[0]; h.Format != tc.format || len(h.Chain) != tc.links {
				t.Fatalf("%s with a chain of %d", h.Format, len(h.Chain))
			}
			if tc.format != "PKCS#12" || tc.entries == 1 {
				wantCodes(t, held[0].Findings, tc.want)
			}
		})
	}
}

func TestFilesThatCannotBeReadAreExplained(t *testing.T) {
	a := newAuthority(t)
	leaf := a.Leaf(t, nil, "www.test")
	p12, err := pkcs12.Modern.Encode(leaf.Key, leaf.Cert, nil, "secret")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, nil, 0o600); err != nil || os.Truncate(long, maxFile+1) != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	many := javaKeystore()
	binary.BigEndian.PutUint32(many[8:], 1<<31)
	hungry := javaKeystore(entry{alias: "x", chain: []*x509.Certificate{leaf.Cert}})
	binary.BigEndian.PutUint32(hungry[12+4+2+1+8+2+5:], 0xffffffff)
	for name, tc := range map[string]struct{ path, want string }{
		"missing":            {filepath.Join(dir, "none"), "no such file"},
		"folder":             {dir, "is a folder; name a file in it"},
		"pipe":               {fifo, "is no regular file"},
		"device":             {"/dev/zero", "is no regular file"},
		"link to a device":   {link, "is no regular file"},
		"too long":           {long, "is longer than 4 MB"},
		"empty":              {put(t, 0o600), "the file is empty"},
		"text":               {put(t, 0o600, []byte("hello")), "neither PEM nor DER nor a keystore"},
		"a key alone":        {put(t, 0o600, keyPEM(t, leaf)), "only a private key"},
		"a request":          {put(t, 0o600, []byte("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n")), "only CERTIFICATE REQUEST"},
		"broken":             {put(t, 0o600, []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")), "certificate 1 cannot be read"},
		"half a certificate": {put(t, 0o600, leaf.Cert.Raw[:200]), "neither a certificate"},
		"wrong password":     {put(t, 0o600, p12), "the password is missing or wrong"},
		"JCEKS":              {put(t, 0o600, []byte{0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2}), "keytool -importkeystore"},
		"JKS cut short":      {put(t, 0o600, javaKeystore(entry{alias: "x", chain: []*x509.Certificate{leaf.Cert}})[:100]), "cut short"},
		"JKS of billions":    {put(t, 0o600, many), "is not read"},
		"JKS that is hungry": {put(t, 0o600, hungry), "cut short"},
		"endless hashing":    {put(t, 0o600, endless(t, p12)), "asks for 2147483647 iterations"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := New(Options{Roots: a.Roots}).File(tc.path, "", nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if took := time.Since(began); took > keystore.MaxDecrypt {
				t.Errorf("took %s", took)
			}
		})
	}
}

// endless makes a keystore ask for as much hashing as fits into 31 bits.
func endless(t *testing.T, p12 []byte) []byte {
	t.Helper()
	var pfx struct {
		Version int
		Safe    asn1.RawValue
		MAC     struct {
			Digest     asn1.RawValue
			Salt       []byte
			Iterations int
		}
	}
	if _, err := asn1.Unmarshal(p12, &pfx); err != nil {
		t.Fatal(err)
	}
	pfx.MAC.Iterations = 1<<31 - 1
	out, err := asn1.Marshal(pfx)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"))
	f.Add(javaKeystore(entry{alias: "x", keyed: true}))
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x03})
	s := New(Options{Roots: x509.NewCertPool()})
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := s.decode(data, "")
		if err != nil && len(c.entries) > 0 && slices.ContainsFunc(c.entries, func(e entry) bool { return len(e.chain) == 0 }) {
			t.Error("an entry without a certificate")
		}
		for _, e := range c.entries {
			s.Judge(e.chain, []string{"www.test"})
			e.ofKeys(0o644)
		}
	})
}
