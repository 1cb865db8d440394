package target_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/keystore"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

const keystorePassword = "0123456789abcdef"

func passwordFile(dir string) string { return filepath.Join(dir, "password") }

// keystoreHarness is a target of files with a keystore at certs/name.
func keystoreHarness(files func(certs, password string) target.Files, name string, atomic bool) targettest.Harness {
	h := fileHarness(func(certs string) target.Files { return files(certs, passwordFile(filepath.Dir(certs))) }, "", "", atomic)
	prepare := h.Prepare
	h.Prepare = func(t testing.TB, dir string) targettest.Place {
		must(t, os.WriteFile(passwordFile(dir), []byte(keystorePassword+"\n"), 0o600))
		p := prepare(t, dir)
		p.Read = func() (cert.Pair, error) { return readKeystore(filepath.Join(dir, "certs", name), keystorePassword) }
		return p
	}
	h.Before = map[string]func(testing.TB, string){
		"nothing": func(testing.TB, string) {},
		"a keystore that does not open": func(t testing.TB, dir string) {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, "certs", name)), 0o755))
			must(t, os.WriteFile(filepath.Join(dir, "certs", name), []byte("\xfe\xed\xfe\xed of somebody"), 0o600))
		},
	}
	return h
}

func readKeystore(path, password string) (cert.Pair, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return cert.Pair{}, err
	}
	open := keystore.OpenPKCS12
	if bytes.HasPrefix(data, []byte{0xfe, 0xed}) {
		open = keystore.OpenJKS
	}
	entries, err := open(data, password)
	if err != nil {
		return cert.Pair{}, err
	}
	key, err := cert.EncodeKey(entries[0].Key)
	return cert.Pair{Chain: cert.EncodeChain(entries[0].Chain), Key: key}, err
}

func TestFilePKCS12(t *testing.T) {
	t.Parallel()
	targettest.Run(t, keystoreHarness(func(certs, password string) target.Files {
		return target.Files{Keystores: target.Keystores{PKCS12: filepath.Join(certs, "shop.p12"), KeystorePasswordFile: password}}
	}, "shop.p12", true))
}

func TestFileWithKeystoresInADirectory(t *testing.T) {
	t.Parallel()
	targettest.Run(t, keystoreHarness(func(certs, password string) target.Files {
		return target.Files{Directory: certs, Fullchain: "fullchain.pem", Key: "privkey.pem", Keystores: target.Keystores{PKCS12: "shop.p12", JKS: "shop.jks", KeystorePasswordFile: password, PKCS12Encryption: "legacy"}}
	}, "live/shop.jks", true))
}

// A keystore whose password was changed is of no use to its reader; installing
// again writes it anew.
func TestAKeystoreFollowsItsPassword(t *testing.T) {
	dir := t.TempDir()
	o := target.FileOptions{Files: target.Files{Keystores: target.Keystores{JKS: filepath.Join(dir, "shop.jks"), KeystorePasswordFile: passwordFile(dir), KeystoreAlias: "shop"}}}
	must(t, os.WriteFile(passwordFile(dir), []byte(keystorePassword), 0o600))
	tgt, pair := newFile(t, o), targettest.Fresh(t)
	before := install(t, tgt, pair)
	must(t, os.WriteFile(passwordFile(dir), []byte("another password"), 0o600))
	if _, err := tgt.Installed(t.Context()); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "password is wrong") {
		t.Errorf("with another password: %v", err)
	}
	must(t, tgt.Install(t.Context(), pair, before))
	if v, err := tgt.Installed(t.Context()); err != nil || v.Fingerprint != targettest.FingerprintOf(pair) {
		t.Errorf("Installed = %v, %v", v, err)
	}
	must(t, os.Chmod(passwordFile(dir), 0o644))
	if err := tgt.Install(t.Context(), pair, before); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "chmod o=") {
		t.Errorf("a password that everybody may read: %v", err)
	}
}

func TestKeystoreOptionsThatCannotWorkAreRefused(t *testing.T) {
	dir := t.TempDir()
	secret, short := passwordFile(dir), filepath.Join(dir, "short")
	must(t, os.WriteFile(secret, []byte(keystorePassword), 0o600))
	must(t, os.WriteFile(short, []byte("abc"), 0o600))
	for want, k := range map[string]target.Keystores{
		"keystore_password_file: is missing":      {PKCS12: "/x/a.p12"},
		"set one of these":                        {KeystorePasswordFile: secret},
		"Java needs at least 6":                   {PKCS12: "/x/a.p12", KeystorePasswordFile: short},
		"no such file":                            {PKCS12: "/x/a.p12", KeystorePasswordFile: filepath.Join(dir, "none")},
		"names the entry of jks alone":            {PKCS12: "/x/a.p12", KeystorePasswordFile: secret, KeystoreAlias: "shop"},
		`write "shop"`:                            {JKS: "/x/a.jks", KeystorePasswordFile: secret, KeystoreAlias: "Shop"},
		"pkcs12_encryption: \"rc2\" is not known": {PKCS12: "/x/a.p12", KeystorePasswordFile: secret, PKCS12Encryption: "rc2"},
		"not a clean absolute path":               {PKCS12: "a.p12", KeystorePasswordFile: secret},
	} {
		if err := (target.FileOptions{Files: target.Files{Keystores: k}}).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", k, err, want)
		}
	}
}
