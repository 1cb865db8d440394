package target_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var (
	_ activities.KeyKeeper = (*target.File)(nil)
	_ activities.KeyKeeper = (*target.Nginx)(nil)
	_ activities.KeyKeeper = (*target.Apache)(nil)
)

// keptHarness has a folder of keys beside the certificates.
func keptHarness(files func(certs, keys string) target.Files, chain, key string, atomic bool) targettest.Harness {
	keys := func(dir string) string { return filepath.Join(dir, "keys") }
	h := fileHarness(nil, chain, key, atomic)
	h.Open = func(dir string) (targettest.Target, error) {
		return target.NewFile("web", flagged(dir, files(filepath.Join(dir, "certs"), keys(dir))))
	}
	h.Keep = func(t testing.TB, dir string, key []byte) {
		must(t, os.MkdirAll(keys(dir), 0o700))
		name := make([]byte, 8)
		rand.Read(name)
		must(t, os.WriteFile(filepath.Join(keys(dir), hex.EncodeToString(name)+".key"), key, 0o600))
	}
	h.Before = map[string]func(testing.TB, string){
		"nothing": func(testing.TB, string) {},
		"a chain for a key that stays": func(t testing.TB, dir string) {
			f, err := h.Open(dir)
			must(t, err)
			pair := targettest.Fresh(t)
			h.Keep(t, dir, pair.Key)
			install(t, f, cert.Pair{Chain: pair.Chain, KeptKey: true})
		},
	}
	return h
}

func TestFileWithDirectoryAndKeysThatStay(t *testing.T) {
	targettest.RunKept(t, keptHarness(func(certs, keys string) target.Files {
		return target.Files{Directory: certs, KeptKey: keys}
	}, "live/fullchain.pem", "live/privkey.pem", true))
}

func TestFilePlainWithKeysThatStay(t *testing.T) {
	targettest.RunKept(t, keptHarness(func(certs, keys string) target.Files {
		return target.Files{
			Fullchain: filepath.Join(certs, "fullchain.pem"), Chain: filepath.Join(certs, "chain.pem"),
			Key: filepath.Join(certs, "privkey.pem"), KeptKey: keys,
		}
	}, "fullchain.pem", "privkey.pem", false))
}

func TestAKeyIsNotCapturedWhereSomebodyLeftIt(t *testing.T) {
	for what, put := range map[string]struct {
		files func(certs, keys string) target.Files
		leave func(t *testing.T, certs string)
	}{
		"at the path of the link": {
			func(certs, keys string) target.Files {
				return target.Files{Fullchain: filepath.Join(certs, "fullchain.pem"), Key: filepath.Join(certs, "privkey.pem"), KeptKey: keys}
			},
			func(t *testing.T, certs string) { writePair(t, certs, 0o600) },
		},
		"in a live directory": {
			func(certs, keys string) target.Files { return target.Files{Directory: certs, KeptKey: keys} },
			func(t *testing.T, certs string) { writePair(t, filepath.Join(certs, "live"), 0o600) },
		},
		"beside the certificate in one file": {
			func(certs, keys string) target.Files {
				return target.Files{Fullchain: filepath.Join(certs, "all.pem"), KeptKey: filepath.Join(keys, "a.key")}
			},
			func(t *testing.T, certs string) {
				pair := targettest.Fresh(t)
				must(t, os.WriteFile(filepath.Join(certs, "all.pem"), append(pair.Key, pair.Chain...), 0o600))
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			certs := filepath.Join(dir, "certs")
			must(t, os.MkdirAll(certs, 0o755))
			put.leave(t, certs)
			f, err := target.NewFile("web", target.FileOptions{Files: put.files(certs, filepath.Join(dir, "keys"))})
			must(t, err)
			snapshot := targettest.Tree(t, dir)
			data, err := f.Capture(t.Context())
			if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "holds a private key") || len(data) > 0 {
				t.Errorf("Capture = %d bytes, %v; want a fault.Configuration about the key", len(data), err)
			}
			if after := targettest.Tree(t, dir); after != snapshot {
				t.Error("something was changed")
			}
		})
	}
}

// keptNginx is a running nginx that reads a key which was made beside it.
func keptNginx(t *testing.T) (*targettest.Nginx, *target.Nginx, *targettest.CA, crypto.Signer) {
	t.Helper()
	ca, err := targettest.NewCA()
	must(t, err)
	key := mustKey(t)
	n := startNginx(t, t.TempDir(), targettest.NginxServer{Name: "a.test", Initial: issueFor(t, ca, key)})
	server := n.Servers[0]
	tgt, err := target.NewNginx("web", nginxOptions(n.Binary, n.Prefix, target.Files{Fullchain: server.Certificate, KeptKey: server.Key}))
	must(t, err)
	return n, tgt, ca, key
}

func mustKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := cert.GenerateKey(cert.EC256)
	must(t, err)
	return key
}

func issueFor(t testing.TB, ca *targettest.CA, key crypto.Signer) cert.Pair {
	t.Helper()
	now := time.Now()
	pair, err := ca.IssueFor(key, targettest.Names, now.Add(-time.Hour), now.Add(90*24*time.Hour))
	must(t, err)
	return pair
}

func chainFor(t testing.TB, ca *targettest.CA, key crypto.Signer) cert.Pair {
	t.Helper()
	return cert.Pair{Chain: issueFor(t, ca, key).Chain, KeptKey: true}
}

func TestNginxIsGivenTheChainAloneForAKeyThatStays(t *testing.T) {
	n, tgt, ca, key := keptNginx(t)
	file := n.Servers[0].Key
	old, err := os.ReadFile(file)
	must(t, err)
	next := chainFor(t, ca, key)
	before := install(t, tgt, next)
	waitServed(t, n, 0, targettest.FingerprintOf(next))

	stranger := chainFor(t, ca, mustKey(t))
	if err := tgt.Install(t.Context(), stranger, before); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("a chain for another key: %v", err)
	}
	waitServed(t, n, 0, targettest.FingerprintOf(next))
	must(t, tgt.Restore(t.Context(), before))
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, old) {
		t.Errorf("the key was touched: %v", err)
	}
}

func TestAKeyThatWasReplacedInPlaceIsMendedByItsChainAndBlocksTheWayBack(t *testing.T) {
	n, tgt, ca, _ := keptNginx(t)
	key := mustKey(t)
	pem, err := cert.EncodeKey(key)
	must(t, err)
	must(t, os.WriteFile(n.Servers[0].Key, pem, 0o600))
	if _, err := tgt.Installed(t.Context()); !fault.Is(err, fault.Proof) {
		t.Errorf("Installed with a strange key = %v, want fault.Proof", err)
	}
	must(t, tgt.Preflight(t.Context()))
	next := chainFor(t, ca, key)
	before := install(t, tgt, next)
	waitServed(t, n, 0, targettest.FingerprintOf(next))
	if err := tgt.Restore(t.Context(), before); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "is not put back") {
		t.Errorf("Restore to a chain whose key is gone = %v", err)
	}
	if v, err := tgt.Installed(t.Context()); err != nil || v.Fingerprint != targettest.FingerprintOf(next) {
		t.Errorf("Installed = %s, %v", v.Fingerprint.Short(), err)
	}
}

func TestOptionsOfAKeyThatStaysAreRefusedWhereTheyContradict(t *testing.T) {
	for _, c := range []struct {
		files target.Files
		want  string
	}{
		{target.Files{Directory: "/etc/tls", KeptKey: "keys"}, "kept_key: \"keys\" is not a clean absolute path"},
		{target.Files{Directory: "/etc/tls", KeptKey: "/etc/tls/live/privkey.pem"}, "kept_key: \"/etc/tls/live/privkey.pem\" lies in /etc/tls/live"},
		{target.Files{Directory: "/etc/tls", Keystores: target.Keystores{PKCS12: "shop.p12", KeystorePasswordFile: "/etc/tls/p"}, KeptKey: "/etc/keys"}, "pkcs12: it would hold the private key"},
		{target.Files{Directory: "/etc/tls", Keystores: target.Keystores{JKS: "shop.jks", KeystorePasswordFile: "/etc/tls/p"}, KeptKey: "/etc/keys"}, "jks: it would hold the private key"},
		{target.Files{Combined: "/etc/tls/all.pem", KeptKey: "/etc/tls/k.pem"}, "combined: it would hold the private key"},
		{target.Files{Fullchain: "/etc/tls/c.pem", Key: "/etc/tls/k.pem", KeptKey: "/etc/tls/k.pem"}, "key: \"/etc/tls/k.pem\" is kept_key itself"},
		{target.Files{Fullchain: "/etc/tls/c.pem", KeyMode: "0600", KeptKey: "/etc/tls/k.pem"}, "key_mode: with kept_key no key is written"},
	} {
		if err := c.files.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.files, err, c.want)
		}
	}
	haproxy := target.HAProxyOptions{Files: target.Files{Directory: "/etc/tls", KeptKey: "/etc/keys"}, Socket: "/run/haproxy.sock"}
	if err := haproxy.Validate(); err == nil || !strings.Contains(err.Error(), "kept_key: HAProxy's bundle holds key and chain") {
		t.Errorf("haproxy: %v", err)
	}
	ssh := target.SSHOptions{Host: "web1", User: "deploy", Files: target.Files{Directory: "/etc/tls", KeptKey: "/etc/keys"}}
	if err := ssh.Validate(); err == nil || !strings.Contains(err.Error(), "kept_key: over ssh the private key would have to be read from here") {
		t.Errorf("ssh: %v", err)
	}
	for _, f := range []target.Files{{Directory: "/etc/tls", KeptKey: "/etc/tls/keys"}, {Fullchain: "/etc/tls/c.pem", KeptKey: "/etc/tls/k.pem"}} {
		must(t, f.Validate())
	}
}
