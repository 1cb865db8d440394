package files

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/keystore"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
	"github.com/neverlapse/neverlapse/internal/sshhost"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// over are the options for files behind a server.
func over(s *targettest.SSHD, paths ...string) Options {
	return Options{Paths: paths, SSH: SSH{Hosts: []string{"127.0.0.1:" + strconv.Itoa(s.Port)}, Account: sshhost.Account{User: s.User, KnownHostsFile: s.KnownHosts, IdentityFile: s.Identity}}}
}

func TestFilesOfAHostBehindSSHAreASourceAndNoKeyLeavesIt(t *testing.T) {
	sshd := targettest.StartSSHD(t, filepath.Join(t.TempDir(), "ssh"))
	a := scantest.NewAuthority(t)
	dir := t.TempDir()
	leaf := a.Leaf(t, nil, "www.test")
	chain, print := cert.EncodeChain([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert}), cert.FingerprintOf(leaf.Cert)
	key, err := cert.EncodeKey(leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	p12, err := pkcs12.Modern.Encode(leaf.Key, leaf.Cert, nil, "secret")
	if err != nil {
		t.Fatal(err)
	}
	o := over(sshd, dir)
	want := map[string]cert.Fingerprint{}
	put := func(name string, data []byte, print cert.Fingerprint) {
		write(t, filepath.Join(dir, name), data)
		want[place(o.SSH.Hosts[0], filepath.Join(dir, name))] = print
	}
	const most = 20 // of a page: there are two
	for i := range most - 5 {
		put(fmt.Sprintf("many/%03d.pem", i), chain, print)
	}
	put("both.pem", slices.Concat(key, chain), print)
	put("a.der", leaf.Cert.Raw, print)
	put("no-such-end", slices.Concat([]byte("Bag Attributes\n"), chain), print)
	canary := filepath.Join(dir, "canary")
	for _, name := range []string{"'; touch " + canary + "; '.pem", "$(touch " + canary + ").pem", "-rf.pem", "x=y.pem", "new\nline.pem", "한국어 🔑.pem"} {
		put(name, chain, print)
	}
	put("broken.crt", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "")
	put("store.p12", p12, "")
	jks, err := keystore.JKS(leaf.Key, []*x509.Certificate{leaf.Cert, a.Intermediate.Cert}, "shop", "secret")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "store.jks"), jks)
	want[place(o.SSH.Hosts[0], filepath.Join(dir, "store.jks"))+"!shop"] = print
	put("cut.jks", jks[:len(jks)/2], "")
	put("old.keystore", []byte{0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2}, "")
	write(t, filepath.Join(dir, "key.der.pem"), mustPKCS8(t, leaf))
	write(t, filepath.Join(dir, "leak.crt"), slices.Concat([]byte("-----BEGIN CERTIFICATE-----\n"), key)) // no end, then a key
	write(t, filepath.Join(dir, "notes.txt"), []byte("nothing"))
	if err := os.Symlink("/etc", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("mkfifo", filepath.Join(dir, "pipe.pem")).Run(); err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	sourcetest.Run(t, sourcetest.Harness{
		Open: func(t *testing.T) source.Source {
			s, err := New(o, scan.New(scan.Options{Roots: a.Roots}))
			if err != nil {
				t.Fatal(err)
			}
			s.most = most
			return s
		},
		Want: want, Pages: 2, Secrets: []string{strings.Split(string(key), "\n")[1]},
	})
	if _, err := os.Lstat(canary); err == nil {
		t.Error("the name of a file was run")
	}
	m, err := reach(t.Context(), sshhost.Options{Host: "127.0.0.1", Port: sshd.Port, Account: o.SSH.Account})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	for _, name := range []string{"both.pem", "key.der.pem", "leak.crt", "store.p12"} {
		p := filepath.Join(dir, name)
		if m.infos[p], err = m.files.Lstat(p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.read(t.Context(), []string{filepath.Join(dir, "both.pem"), filepath.Join(dir, "key.der.pem"), filepath.Join(dir, "leak.crt"), filepath.Join(dir, "store.p12")})
	if err != nil || len(got) != 4 || !got[0].keyed || len(got[1].chain)+len(got[3].chain) > 0 || got[3].why == "" {
		t.Fatalf("%+v %v", got, err)
	}
	for _, f := range got {
		if bytes.Contains(f.chain, []byte(strings.Split(string(key), "\n")[1])) || bytes.Contains(f.chain, []byte("PRIVATE")) {
			t.Errorf("the key of %s left its host", f.path)
		}
	}
}

func mustPKCS8(t *testing.T, i scantest.Issuer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestKeysOfAHostBehindSSHAreComparedThere(t *testing.T) {
	sshd := targettest.StartSSHD(t, filepath.Join(t.TempDir(), "ssh"))
	a := scantest.NewAuthority(t)
	dir := t.TempDir()
	leaf, other := a.Leaf(t, nil, "www.test"), a.Leaf(t, nil, "www.test")
	chain := cert.EncodeChain([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert})
	own, another := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: mustPKCS8(t, leaf)}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: mustPKCS8(t, other)})
	for name, data := range map[string][]byte{
		"good/shop.crt": chain, "good/shop.key": own, "wrong/shop.crt": chain, "wrong/shop.key": another, "open/shop.crt": chain, "open/shop.key": own,
		"inside.pem": slices.Concat(another, chain), "linked/shop.crt": chain,
	} {
		write(t, filepath.Join(dir, name), data)
	}
	if err := os.Chmod(filepath.Join(dir, "open/shop.key"), 0o604); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "wrong/shop.key"), filepath.Join(dir, "linked/shop.key")); err != nil {
		t.Fatal(err)
	}
	s, err := New(over(sshd, dir), scan.New(scan.Options{Roots: a.Roots}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Look(t.Context(), nil, func(string) {})
	if err != nil || p.Validate() != nil || len(p.Sightings) != 5 {
		t.Fatalf("%+v %v", p, err)
	}
	want := map[string]cert.FindingCode{"wrong/shop.crt": cert.KeyMismatch, "open/shop.crt": cert.KeyExposed, "inside.pem": cert.KeyMismatch}
	for _, x := range p.Sightings {
		name := strings.SplitN(x.Place, dir+"/", 2)[1]
		if code := want[name]; code == "" && len(x.Findings) > 0 || code != "" && (len(x.Findings) != 1 || x.Findings[0].Code != code) {
			t.Errorf("%s: %v, want %q", name, x.Findings, code)
		}
		if x.Host != "127.0.0.1" {
			t.Errorf("%s is on %q", x.Place, x.Host)
		}
	}
}

func TestAHostThatFailsHoldsUpNoOther(t *testing.T) {
	dir := t.TempDir()
	sshd := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	a := scantest.NewAuthority(t)
	write(t, filepath.Join(dir, "certs", "a.pem"), cert.EncodeChain([]*x509.Certificate{a.Leaf(t, nil, "www.test").Cert}))
	o := over(sshd, filepath.Join(dir, "certs"), filepath.Join(dir, "nowhere"))
	known, err := os.ReadFile(sshd.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	down, err := targettest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("[127.0.0.1]:%d %s", down, strings.SplitN(string(known), " ", 2)[1])
	o.SSH.KnownHostsFile = filepath.Join(dir, "known")
	write(t, o.SSH.KnownHostsFile, append(known, line...))
	good := o.SSH.Hosts[0]
	o.SSH.Hosts = []string{"127.0.0.1:" + strconv.Itoa(down), good}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := New(o, scan.New(scan.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	seen, failed := sourcetest.Look(t, s)
	if len(failed) != 2 || failed[0].Places != "file:127.0.0.1:"+strconv.Itoa(down)+":" || !strings.Contains(failed[0].Why, "cannot be reached") ||
		failed[1].Places != place(good, filepath.Join(dir, "nowhere")) || len(seen) != 1 {
		t.Errorf("%+v %+v", failed, seen)
	}
	for name, change := range map[string]func(*Options){
		"host: ":                        func(o *Options) { o.Host = "web1" },
		"has no key of":                 func(o *Options) { o.SSH.Hosts = []string{"127.0.0.1:1"} },
		"stands there twice":            func(o *Options) { o.SSH.Hosts = []string{good, good} },
		"ssh.hosts: there is none":      func(o *Options) { o.SSH.Hosts = nil },
		"neither a host name nor":       func(o *Options) { o.SSH.Hosts = []string{"-oProxyCommand=x"} },
		"user: \"\" is no user name":    func(o *Options) { o.SSH.User = "" },
		"identity_file: is missing":     func(o *Options) { o.SSH.IdentityFile = "" },
		"the port is no number":         func(o *Options) { o.SSH.Hosts = []string{"web:ssh"} },
		"known_hosts_file: is missing;": func(o *Options) { o.SSH.KnownHostsFile = "" },
	} {
		bad := o
		change(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(name, ": ")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// info is what a hostile host may give.
type info struct{ name string }

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return 1 }
func (i info) Mode() fs.FileMode  { return 0 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

func TestNamesOfAHostileHostLeadNowhere(t *testing.T) {
	out, err := listed("/etc/ssl", []fs.FileInfo{info{"b"}, info{"../../shadow"}, info{".."}, info{""}, info{"a"}, info{"x\x00"}})
	if err == nil || len(out) != 2 || out[0].Name() != "a" || out[1].Name() != "b" {
		t.Errorf("%v %v", out, err)
	}
	for name, text := range map[string]string{"a number beyond": "m 7\nx\n", "no number": "m y\nx\n", "a negative one": "m -1\nx\n"} {
		if got := sections(text, "m", 2); got[0]+got[1] != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	a := &answer{}
	if n, err := a.Write(make([]byte, maxAnswer+1)); n != 0 || err == nil || !a.full {
		t.Error("an answer without an end is kept")
	}
}
