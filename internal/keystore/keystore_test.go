package keystore

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

const password = "correct horse"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func newLeaf(t testing.TB, key crypto.Signer) *x509.Certificate {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "a.test"}, DNSNames: []string{"a.test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return leaf
}

// kinds are the keystores that are written, and how each is opened again.
var kinds = map[string]struct {
	write func(crypto.Signer, []*x509.Certificate, string) ([]byte, error)
	open  func([]byte, string) ([]Entry, error)
	java  string
}{
	"modern PKCS#12": {func(k crypto.Signer, c []*x509.Certificate, p string) ([]byte, error) { return PKCS12(k, c, p, false) }, OpenPKCS12, "PKCS12"},
	"legacy PKCS#12": {func(k crypto.Signer, c []*x509.Certificate, p string) ([]byte, error) { return PKCS12(k, c, p, true) }, OpenPKCS12, "PKCS12"},
	"JKS":            {func(k crypto.Signer, c []*x509.Certificate, p string) ([]byte, error) { return JKS(k, c, "shop", p) }, OpenJKS, "JKS"},
}

func TestWhatIsWrittenIsReadAndEqualContentsAreEqualBytes(t *testing.T) {
	key, other := newKey(t), newKey(t)
	leaf := newLeaf(t, key)
	chain := []*x509.Certificate{leaf, newLeaf(t, other)}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			data, err := kind.write(key, chain, password)
			must(t, err)
			entries, err := kind.open(data, password)
			must(t, err)
			if len(entries) != 1 || entries[0].Key == nil || !key.Public().(*ecdsa.PublicKey).Equal(entries[0].Key.Public()) {
				t.Fatalf("the key did not come back: %+v", entries)
			}
			if c := entries[0].Chain; len(c) != 2 || !c[0].Equal(leaf) || !c[1].Equal(chain[1]) {
				t.Errorf("the chain did not come back: %d certificates", len(c))
			}
			again, err := kind.write(key, chain, password)
			must(t, err)
			if !bytes.Equal(data, again) {
				t.Error("writing the same again gives other bytes")
			}
			if _, err := kind.open(data, "wrong password"); !errors.Is(err, ErrPassword) {
				t.Errorf("with a wrong password: %v", err)
			}
			for what, other := range map[string]func() ([]byte, error){
				"password": func() ([]byte, error) { return kind.write(key, chain, password+"!") },
				"chain":    func() ([]byte, error) { return kind.write(key, chain[:1], password) },
			} {
				if changed, err := other(); err != nil || bytes.Equal(changed[len(changed)/2:], data[len(data)/2:]) {
					t.Errorf("another %s gives the same bytes: %v", what, err)
				}
			}
		})
	}
}

// The programs that read such files are the judges.
func TestJavaAndOpenSSLOpenWhatIsWritten(t *testing.T) {
	key := newKey(t)
	chain := []*x509.Certificate{newLeaf(t, key)}
	dir := t.TempDir()
	secret := filepath.Join(dir, "password")
	must(t, os.WriteFile(secret, []byte(password), 0o600))
	for name, kind := range kinds {
		data, err := kind.write(key, chain, password)
		must(t, err)
		path := filepath.Join(dir, strings.ReplaceAll(name, "#", ""))
		must(t, os.WriteFile(path, data, 0o600))
		t.Run(name+" by keytool", func(t *testing.T) {
			out, err := exec.Command(need(t, "keytool"), "-list", "-keystore", path, "-storetype", kind.java, "-storepass:file", secret).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "PrivateKeyEntry") {
				t.Errorf("keytool: %v\n%s", err, out)
			}
		})
		if kind.java != "PKCS12" {
			continue
		}
		t.Run(name+" by openssl", func(t *testing.T) {
			out, err := exec.Command(need(t, "openssl"), "pkcs12", "-in", path, "-passin", "file:"+secret, "-nodes").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "PRIVATE KEY") || !strings.Contains(string(out), "BEGIN CERTIFICATE") {
				t.Errorf("openssl: %v\n%s", err, out)
			}
		})
	}
}

func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("NEVERLAPSE_REQUIRE_SERVERS") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// Files at our place may have been put there by anybody.
func TestHostileKeystoresAreRefusedAndNotFollowed(t *testing.T) {
	key := newKey(t)
	chain := []*x509.Certificate{newLeaf(t, key)}
	good, err := JKS(key, chain, "shop", password)
	must(t, err)
	for n := range len(good) {
		if _, err := OpenJKS(good[:n], password); err == nil {
			t.Fatalf("a keystore cut to %d bytes opens", n)
		}
	}
	changed := bytes.Clone(good)
	changed[len(changed)/2] ^= 1
	if _, err := OpenJKS(changed, password); err == nil {
		t.Error("a changed keystore opens")
	}
	hungry := bytes.Clone(good)
	binary.BigEndian.PutUint32(hungry[12+4+2+len("shop")+8:], 0xfffffff0)
	if _, err := OpenJKS(hungry, password); !errors.Is(err, errCutShort) {
		t.Errorf("a length that leads out of the file: %v", err)
	}
	if _, err := OpenPKCS12([]byte("-----BEGIN"), password); !errors.Is(err, ErrNotPKCS12) {
		t.Errorf("PEM as PKCS#12: %v", err)
	}
	slow, err := pkcs12.Modern.WithIterations(maxIterations+1).Encode(key, chain[0], nil, password)
	must(t, err)
	if _, err := OpenPKCS12(slow, password); err == nil || !strings.Contains(err.Error(), "iterations") {
		t.Errorf("endless hashing: %v", err)
	}
}

// TestIterationsAreFoundWhereverTheyStand: not the MAC's alone.
func TestIterationsAreFoundWhereverTheyStand(t *testing.T) {
	key := newKey(t)
	leaf := newLeaf(t, key)
	for name, e := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern.WithIterations(1234), "legacy": pkcs12.LegacyDES.WithIterations(1234), "RC2": pkcs12.LegacyRC2.WithIterations(1234)} {
		p12, err := e.Encode(key, leaf, nil, "secret")
		must(t, err)
		if n := iterations(p12, 0); n.Int64() < 1234 || n.Int64() > 4096 {
			t.Errorf("%s: %s iterations", name, n)
		}
	}
}

func TestAPasswordThatProgramsReadDifferentlyIsRefused(t *testing.T) {
	for p, ok := range map[string]bool{password: true, "short": false, "": false, "pässwörter": false, "with\nnewline": false} {
		if err := CheckPassword(p); (err == nil) != ok {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// guarded lets nobody read a part of a file.
type guarded struct {
	*bytes.Reader
	from, to int64
	touched  bool
	reads    int
}

func (g *guarded) ReadAt(p []byte, at int64) (int, error) {
	g.reads++
	if at < g.to && at+int64(len(p)) > g.from {
		g.touched = true
	}
	return g.Reader.ReadAt(p, at)
}

func TestCertificatesOfAJKSKeystoreElsewhereAreReadWithoutItsKeys(t *testing.T) {
	key := newKey(t)
	chain := []*x509.Certificate{newLeaf(t, key), newLeaf(t, newKey(t))}
	data, err := JKS(key, chain, "shop", password)
	must(t, err)
	sealed, _, err := (&jks{from: bytes.NewReader(data), size: int64(len(data)), keys: true}).all()
	must(t, err)
	from := int64(bytes.Index(data, sealed[0].sealed))
	g := &guarded{Reader: bytes.NewReader(data), from: from, to: from + int64(len(sealed[0].sealed))}
	entries, unreadable, err := ReadJKSAt(g, int64(len(data)))
	if err != nil || len(unreadable) > 0 || len(entries) != 1 || !entries[0].Keyed || len(entries[0].Chain) != 2 || !entries[0].Chain[1].Equal(chain[1]) || entries[0].Alias != "shop" {
		t.Fatalf("%+v %v %v", entries, unreadable, err)
	}
	if g.touched || g.reads > 6 {
		t.Errorf("the key was asked for: %t; %d reads", g.touched, g.reads)
	}
	if _, _, err := ReadJKSAt(bytes.NewReader(data[:len(data)/2]), int64(len(data))); err == nil || !strings.Contains(err.Error(), "cannot be read to its end") {
		t.Errorf("a file that was cut meanwhile: %v", err)
	}
}
