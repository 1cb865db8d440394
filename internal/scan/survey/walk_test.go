package survey_test

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/scan/survey"
)

// walk looks at paths and gives what was found by the end of its path.
func walk(t *testing.T, f *survey.Files, paths ...string) map[string]survey.Found {
	t.Helper()
	out := map[string]survey.Found{}
	f.Found = func(x survey.Found) { out[filepath.Base(x.Place.Where)] = x }
	if err := f.Walk(t.Context(), paths); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAFolderIsLookedThroughAndWhatIsHostileInItIsTold(t *testing.T) {
	a := scantest.NewAuthority(t)
	leaf := a.Leaf(t, nil, "www.test")
	chain := cert.EncodeChain([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert})
	p12, err := pkcs12.Modern.Encode(leaf.Key, leaf.Cert, []*x509.Certificate{a.Intermediate.Cert}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, data := range map[string][]byte{
		"chain.pem": chain, "deep/er/cert.der": leaf.Cert.Raw, "store.p12": p12, "config": append([]byte("listen 443\n"), chain...), "ca.pem": cert.EncodeChain([]*x509.Certificate{a.Intermediate.Cert}),
		"notes.txt": []byte("nothing"), "empty.crt": nil, "garbage.pem": []byte("\x1b[2J what"), "key.pem": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
		"bomb.jks":   append(binary.BigEndian.AppendUint32(nil, 0xfeedfeed), 0, 0, 0, 2, 0x7f, 0xff, 0xff, 0xff),
		"many.pem":   bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), 100_000),
		"broken.pem": []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
	} {
		write(t, at(name), data)
	}
	if err := os.Truncate(at("empty.crt"), 64<<20); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("pipe.pem"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"zero.pem": "/dev/zero", "loop": ".", "link.pem": at("chain.pem")} {
		if err := os.Symlink(to, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	f := &survey.Files{Scanner: scan.New(scan.Options{Roots: a.Roots}), Password: "secret"}
	got := walk(t, f, dir)
	for name, want := range map[string][]string{
		"chain.pem": nil, "cert.der": {"chain-incomplete"}, "store.p12": nil, "config": nil, "ca.pem": nil,
		"empty.crt": {"file-unreadable"}, "garbage.pem": {"file-unreadable"}, "bomb.jks": {"file-unreadable"}, "broken.pem": {"file-unreadable"}, "many.pem": {"file-unreadable"},
	} {
		x, ok := got[name]
		if found := codes(x.Findings); !ok && name != "many.pem" || ok && !slices.Equal(found, want) || ok && x.Seen() == slices.Contains(want, "file-unreadable") {
			t.Errorf("%s: %v %v, want %v", name, ok, found, want)
		}
		for _, y := range x.Findings {
			if strings.ContainsAny(y.What, "\x1b\n") {
				t.Errorf("%s: control characters in %q", name, y.What)
			}
		}
		delete(got, name)
	}
	if len(got) > 0 || f.Count.Files != 12 {
		t.Errorf("%d files; found besides: %v", f.Count.Files, got)
	}
	// What is named by the user is told in any case, and may be a link.
	named := walk(t, &survey.Files{Scanner: f.Scanner}, at("link.pem"), at("zero.pem"), at("key.pem"), at("none.pem"), at("store.p12"))
	for name, want := range map[string][]string{"chain.pem": nil, "zero.pem": {"file-unreadable"}, "key.pem": {"file-unreadable"}, "none.pem": {"file-unreadable"}, "store.p12": {"file-unreadable"}} {
		if x, ok := named[name]; !ok || !slices.Equal(codes(x.Findings), want) {
			t.Errorf("%s: %v %v, want %v", name, ok, codes(x.Findings), want)
		}
	}
}

func TestFilesThatDidNotChangeAreNotReadAgain(t *testing.T) {
	a := scantest.NewAuthority(t)
	first, second := a.Leaf(t, nil, "www.test"), a.Leaf(t, nil, "www.test")
	dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "cache")
	file := filepath.Join(dir, "cert.pem")
	at := time.Now()
	s := scan.New(scan.Options{Roots: a.Roots, Now: func() time.Time { return at }})
	run := func(key string) (survey.Found, survey.Counts) {
		c, err := survey.LoadCache(kept, key)
		if err != nil {
			t.Fatal(err)
		}
		f := &survey.Files{Scanner: s, Cache: c}
		got := walk(t, f, dir)
		if err := c.Save(kept); err != nil {
			t.Fatal(err)
		}
		return got["cert.pem"], f.Count
	}
	settle := func(i scantest.Issuer, mode os.FileMode) {
		write(t, file, cert.EncodeChain([]*x509.Certificate{i.Cert, a.Intermediate.Cert}))
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		for { // until the file's clock has moved on, so that another change shows
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if time.Since(info.ModTime()) > 100*time.Millisecond {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	settle(first, 0o600)
	want, count := run("key")
	if count.Unchanged != 0 || want.Version.Fingerprint != cert.FingerprintOf(first.Cert) {
		t.Fatalf("%+v %+v", want, count)
	}
	again, count := run("key")
	if count.Unchanged != 1 || again.Version.Fingerprint != want.Version.Fingerprint || len(again.Chain) != 2 || *again.Chain[1] != *want.Chain[1] || again.Place != want.Place {
		t.Errorf("unchanged: %+v %+v, want %+v", again, count, want)
	}
	if _, count := run("another key"); count.Unchanged != 0 {
		t.Error("what was kept under another key counts")
	}
	settle(second, 0o600)
	if again, count := run("another key"); count.Unchanged != 0 || again.Version.Fingerprint != cert.FingerprintOf(second.Cert) {
		t.Errorf("changed: %+v %+v", again, count)
	}
	// What is wrong changes with time, too.
	if _, count := run("another key"); count.Unchanged != 1 {
		t.Fatal("it is read though nothing changed")
	}
	at = second.Cert.NotAfter.Add(time.Hour)
	if again, count := run("another key"); count.Unchanged != 0 || !slices.Contains(codes(again.Findings), "expired") {
		t.Errorf("after its end: %v %+v", codes(again.Findings), count)
	}
	write(t, kept, []byte("{"))
	if _, err := survey.LoadCache(kept, "key"); err == nil || !strings.Contains(err.Error(), "may be removed at any time") {
		t.Error(err)
	}
}

func TestAKeyInAFileOfItsOwnIsPairedWithItsCertificate(t *testing.T) {
	a := scantest.NewAuthority(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	leaf, other := a.Leaf(t, nil, "www.test"), a.Leaf(t, nil, "www.test")
	chain := cert.EncodeChain([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert})
	key := func(i scantest.Issuer) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(i.Key)
		if err != nil {
			t.Fatal(err)
		}
		return pemOf("PRIVATE KEY", der)
	}
	for name, data := range map[string][]byte{
		"own/shop.crt": chain, "own/shop.key": key(leaf),
		"bot/fullchain12.pem": chain, "bot/privkey12.pem": key(leaf), "bot/privkey11.pem": key(other),
		"cfssl/shop.pem": chain, "cfssl/shop-key.pem": key(leaf),
		"chain/shop-fullchain.pem": chain, "chain/shop.key": key(leaf),
		"debian/certs/shop.pem": chain, "debian/private/shop.key": key(leaf),
		"wrong/shop.crt": chain, "wrong/shop.key": key(other),
		"second/cert.pem": chain, "second/cert.key": key(other), "second/key.pem": key(leaf),
		"locked/shop.crt": chain, "locked/shop.key": pemOf("ENCRYPTED PRIVATE KEY", []byte("secret")),
		"inside/shop.crt": append(key(leaf), chain...), "inside/shop.key": key(other),
		"open/shop.crt": chain, "open/shop.key": key(leaf),
		"alone/shop.crt": chain, "alone/another.key": key(other),
	} {
		if err := os.MkdirAll(filepath.Dir(at(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, at(name), data)
		if err := os.Chmod(at(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(at("open/shop.key"), 0o604); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(at("linked"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, at("linked/shop.crt"), chain)
	if err := os.Symlink(at("wrong/shop.key"), at("linked/shop.key")); err != nil { // leads elsewhere
		t.Fatal(err)
	}
	s := scan.New(scan.Options{Roots: a.Roots})
	for folder, want := range map[string]struct {
		key   string
		codes []string
	}{
		"own": {"own/shop.key", nil}, "bot": {"bot/privkey12.pem", nil}, "cfssl": {"cfssl/shop-key.pem", nil}, "chain": {"chain/shop.key", nil},
		"debian": {"debian/private/shop.key", nil}, "second": {"second/key.pem", nil}, "wrong": {"", []string{"key-mismatch"}},
		"locked": {"", nil}, "inside": {"", nil}, "open": {"open/shop.key", []string{"key-exposed"}}, "alone": {"", nil}, "linked": {"", nil},
	} {
		all := walk(t, &survey.Files{Scanner: s}, at(folder))
		if len(all) != 1 {
			t.Errorf("%s: %v", folder, all)
		}
		for _, got := range all {
			if key := strings.TrimPrefix(got.Place.Key, dir+"/"); key != want.key || !slices.Equal(codes(got.Findings), want.codes) {
				t.Errorf("%s: %q %v, want %q %v", folder, key, got.Findings, want.key, want.codes)
			}
		}
	}
	if held, err := s.File(at("wrong/shop.crt"), "", nil); err != nil || !slices.Equal(codes(held[0].Findings), []string{"key-mismatch"}) {
		t.Errorf("a single file: %v %v", held, err)
	}
	cache := survey.NewCache("key")
	look := func() (survey.Found, int) {
		f := &survey.Files{Scanner: s, Cache: cache}
		return walk(t, f, at("own"))["shop.crt"], f.Count.Unchanged
	}
	for unchanged := 0; unchanged == 0; { // until the clock of the files has moved on
		_, unchanged = look()
	}
	write(t, at("own/shop.key"), key(other))
	if got, unchanged := look(); unchanged > 0 || !slices.Equal(codes(got.Findings), []string{"key-mismatch"}) {
		t.Errorf("a key that was exchanged is not seen: %v", got.Findings)
	}
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
