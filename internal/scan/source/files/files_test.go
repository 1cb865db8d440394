package files

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
)

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFoldersOfFilesAreASource(t *testing.T) {
	a := scantest.NewAuthority(t)
	dir := t.TempDir()
	want := map[string]cert.Fingerprint{}
	put := func(name string, data []byte, print cert.Fingerprint) {
		write(t, filepath.Join(dir, name), data)
		want["file:web1:"+filepath.Join(dir, name)] = print
	}
	leaf := a.Leaf(t, nil, "www.test")
	pem, print := cert.EncodeChain([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert}), cert.FingerprintOf(leaf.Cert)
	key, err := cert.EncodeKey(leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range filesOfPage + 20 { // more than a page in one folder
		put(fmt.Sprintf("many/%03d.pem", i), pem, print)
	}
	put("many.pem", append(key, pem...), print) // sorted before and after the folder by different rules
	put("many-more/a.der", leaf.Cert.Raw, print)
	put("broken.crt", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "")
	write(t, filepath.Join(dir, "notes.txt"), []byte("nothing"))
	write(t, filepath.Join(dir, "left/out.pem"), pem)
	if err := os.Symlink(dir, filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	second := t.TempDir()
	write(t, filepath.Join(second, "b.pem"), pem)
	want["file:web1:"+filepath.Join(second, "b.pem")] = print
	o := Options{Host: "web1", Paths: []string{dir, second, filepath.Join(dir, "many")}, Skip: []string{filepath.Join(dir, "left")}}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	sourcetest.Run(t, sourcetest.Harness{
		Open: func(t *testing.T) source.Source {
			s, err := New(o, scan.New(scan.Options{Roots: a.Roots}))
			if err != nil {
				t.Fatal(err)
			}
			return s
		},
		Want: want, Pages: 3, Secrets: []string{strings.Split(string(key), "\n")[1]},
	})
}

func TestAFileThatIsGoneIsForgotten(t *testing.T) {
	a := scantest.NewAuthority(t)
	dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "cache")
	for _, name := range []string{"stays.pem", "goes.pem"} {
		write(t, filepath.Join(dir, name), cert.EncodeChain([]*x509.Certificate{a.Leaf(t, nil, "www.test").Cert}))
	}
	now := time.Now()
	s, err := New(Options{Host: "web1", Paths: []string{dir}}, scan.New(scan.Options{Roots: a.Roots, Now: func() time.Time { return now }}))
	if err != nil {
		t.Fatal(err)
	}
	known := func() string {
		t.Helper()
		if _, failed := sourcetest.Look(t, s); len(failed) > 0 {
			t.Fatal(failed)
		}
		err := s.cache.Save(kept)
		data, err2 := os.ReadFile(kept)
		if err = errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(known(), "goes.pem") { // one that was written this instant is not kept yet
		if time.Now().After(deadline) {
			t.Fatal("it is not kept")
		}
	}
	if err := os.Remove(filepath.Join(dir, "goes.pem")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(recheck + time.Hour)
	if text := known(); strings.Contains(text, "goes.pem") || !strings.Contains(text, "stays.pem") {
		t.Errorf("after %s: %s", recheck, text)
	}
}

func TestAFolderThatIsNotThereIsAFailedPart(t *testing.T) {
	s, err := New(Options{Host: "web1", Paths: []string{"/nowhere/at/all"}}, scan.New(scan.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Look(t.Context(), nil, func(string) {})
	if err != nil || len(p.Failed) != 1 || p.Failed[0].Places != "file:web1:/nowhere/at/all" || p.Next != nil {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := New(Options{Paths: []string{"/etc"}, PasswordFile: "/nowhere"}, nil); err == nil {
		t.Error("a password file that is not there is taken")
	}
	for _, o := range []Options{{}, {Paths: []string{"etc"}}} {
		if o.Validate() == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	if _, err := s.Look(t.Context(), []byte(`{"root":7}`), func(string) {}); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}
