package files

import (
	"crypto/x509"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func TestKeystoresOfAHostBehindSSHAreOpenedWhereItIsAskedFor(t *testing.T) {
	sshd := targettest.StartSSHD(t, filepath.Join(t.TempDir(), "ssh"))
	a := scantest.NewAuthority(t)
	dir := t.TempDir()
	leaf, other := a.Leaf(t, nil, "www.test"), a.Leaf(t, nil, "www.test")
	for name, make := range map[string]func() ([]byte, error){
		"good.p12": func() ([]byte, error) {
			return pkcs12.Modern.Encode(leaf.Key, leaf.Cert, []*x509.Certificate{a.Intermediate.Cert}, "secret")
		},
		"strange.p12": func() ([]byte, error) { return pkcs12.Modern.Encode(leaf.Key, leaf.Cert, nil, "unknown") },
		"wrong.pfx": func() ([]byte, error) {
			return pkcs12.Modern.Encode(other.Key, leaf.Cert, []*x509.Certificate{a.Intermediate.Cert}, "secret")
		},
		"slow.p12": func() ([]byte, error) {
			return pkcs12.Modern.WithIterations(2_000_000).Encode(leaf.Key, leaf.Cert, nil, "secret")
		},
		"trust.p12": func() ([]byte, error) {
			return pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{a.Root.Cert}, "secret")
		},
	} {
		data, err := make()
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), data)
	}
	o := over(sshd, dir)
	o.PasswordFile = filepath.Join(t.TempDir(), "password")
	write(t, o.PasswordFile, []byte("secret\n"))
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "ssh.keystores: true") {
		t.Errorf("a password for what is not opened: %v", err)
	}
	o.SSH.Keystores = true
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := New(o, scan.New(scan.Options{Roots: a.Roots}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Look(t.Context(), nil, func(string) {})
	if err != nil || p.Validate() != nil || len(p.Sightings) != 5 {
		t.Fatalf("%+v %v", p, err)
	}
	want := map[string]string{"good.p12": "", "strange.p12": "the password is missing or wrong", "wrong.pfx": string(cert.KeyMismatch), "slow.p12": "iterations", "trust.p12": ""}
	for _, x := range p.Sightings {
		name := filepath.Base(x.Place)
		got := x.Trouble
		for _, f := range x.Findings {
			got += string(f.Code)
		}
		if (want[name] == "") != (got == "") || !strings.Contains(got, want[name]) || (x.Trouble == "") != (x.Version.Fingerprint != "") {
			t.Errorf("%s: %q %+v, want %q", name, got, x.Version, want[name])
		}
	}
}

func TestFilesOfAHostThatDidNotChangeAreNotReadAgain(t *testing.T) {
	sshd := targettest.StartSSHD(t, filepath.Join(t.TempDir(), "ssh"))
	a := scantest.NewAuthority(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	leaf, other := a.Leaf(t, nil, "www.test"), a.Leaf(t, nil, "www.test")
	chain := func(i scantest.Issuer) []byte {
		return cert.EncodeChain([]*x509.Certificate{i.Cert, a.Intermediate.Cert})
	}
	key := func(i scantest.Issuer) []byte {
		data, err := cert.EncodeKey(i.Key)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	write(t, at("a/one.pem"), chain(leaf))
	write(t, at("b/one.pem"), chain(leaf))
	write(t, at("b/two.crt"), chain(leaf))
	write(t, at("b/two.key"), key(leaf))
	write(t, at("notes.txt"), []byte("nothing"))
	now := time.Now()
	s, err := New(over(sshd, at("a"), at("b"), at("notes.txt")), scan.New(scan.Options{Roots: a.Roots, Now: func() time.Time { return now }}))
	if err != nil {
		t.Fatal(err)
	}
	// look goes through everything, and tells how many files were read.
	look := func() (read int, codes map[string]string) {
		t.Helper()
		codes = map[string]string{}
		for page := []byte(nil); ; {
			p, err := s.Look(t.Context(), page, func(string) {})
			if err != nil || len(p.Failed) > 0 {
				t.Fatalf("%+v %v", p, err)
			}
			var n, all, host, hosts int
			about := p.About[strings.Index(p.About, ", "):]
			if _, err := fmt.Sscanf(about, ", %d of %d hosts; %d of %d files are read", &host, &hosts, &n, &all); err != nil {
				t.Fatalf("%q: %v", p.About, err)
			}
			read += n
			for _, x := range p.Sightings {
				text := x.Version.Fingerprint.Short()
				for _, f := range x.Findings {
					text += " " + string(f.Code)
				}
				codes[strings.SplitN(x.Place, dir+"/", 2)[1]] = text
			}
			if page = p.Next; page == nil {
				return read, codes
			}
		}
	}
	// settles looks until nothing is read any more: what has just changed counts as
	// changed for a while.
	settles := func(what string) map[string]string {
		t.Helper()
		for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
			if read, codes := look(); read == 0 {
				return codes
			}
		}
		t.Fatalf("%s: files are read in every run", what)
		return nil
	}
	one, two := cert.FingerprintOf(leaf.Cert).Short(), cert.FingerprintOf(other.Cert).Short()
	wants := func(what string, got map[string]string, want ...string) {
		t.Helper()
		var text []string
		for place, codes := range got {
			text = append(text, place+" "+codes)
		}
		slices.Sort(text)
		if !slices.Equal(text, want) {
			t.Errorf("%s: %q, want %q", what, text, want)
		}
	}
	first, codes := look()
	if first != 5 {
		t.Errorf("the first run read %d files, want all 5", first)
	}
	wants("at first", codes, "a/one.pem "+one, "b/one.pem "+one, "b/two.crt "+one)
	wants("nothing changed", settles("at first"), "a/one.pem "+one, "b/one.pem "+one, "b/two.crt "+one)

	was, err := os.Stat(at("b/one.pem"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, at("b/one.pem"), chain(other))
	if err := os.Chtimes(at("b/one.pem"), was.ModTime(), was.ModTime()); err != nil { // as cp -p does
		t.Fatal(err)
	}
	read, codes := look()
	if read != 1 {
		t.Errorf("%d files were read after one had changed", read)
	}
	wants("one changed", codes, "a/one.pem "+one, "b/one.pem "+two, "b/two.crt "+one)
	settles("after a change")

	write(t, at("b/two.key"), key(other))
	if _, codes := look(); codes["b/two.crt"] != one+" key-mismatch" {
		t.Errorf("a key that was exchanged is not seen: %q", codes)
	}
	settles("after the key changed")
	if err := os.Remove(at("b/one.pem")); err != nil {
		t.Fatal(err)
	}
	if _, codes := look(); codes["b/one.pem"] != "" || s.there.n != 4 {
		t.Errorf("what is gone is kept: %q, %d files known", codes, s.there.n)
	}
	now = leaf.Cert.NotAfter.Add(time.Hour)
	if read, codes := look(); read == 0 || !strings.Contains(codes["a/one.pem"], "expired") {
		t.Errorf("what ends while its file stays the same: %d files are read, %q", read, codes)
	}
}

func TestAStateThatIsNotThatOfTheListedFileIsNone(t *testing.T) {
	good := listing{info{"a"}, &sftp.FileStat{Mode: 0o100644, Size: 7, Mtime: 50}}
	for lines, want := range map[string]bool{
		"50 81a4 7 50 1:2:3:4": true, "50 81a4 7 50 1:2:3:4\n60 8180 9 60 x\n": true,
		"": false, "99 81a4 7 50 1": false, "50 81a4 7 50 1\n99 8180 9 60 x": false, // just now
		"50 81a4 8 50 1": false, "50 81a4 7 51 1": false, "50 a1ff 7 50 1": false, "x 81a4 7 50 1": false,
	} {
		if got := steady(lines, 100, good); got != want {
			t.Errorf("%q: %t", lines, got)
		}
	}
	if steady("50 81a4 7 50 1", 100, info{"a"}) {
		t.Error("of a listing that says nothing")
	}
}

// listing is what a host says of a file.
type listing struct {
	fs.FileInfo
	stat *sftp.FileStat
}

func (l listing) Sys() any { return l.stat }
