package e2e

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const payName = "pay.shop.test"

// tenacious renews at once and tries again every few seconds.
const tenacious = `
  - name: tenacious
    thresholds: [{left: 2s, severity: P3}]
    inform: 0
    renew_left: 95%
    renew_left_short: 95%
    last_safe: 10s
    retry_every: 3s
    max_attempts: 50`

// vault is a folder of keys that are made beside a web server and stay there.
type vault struct {
	t                   *testing.T
	keys, certs, folder string
}

// newVault gives one with the first key, and an nginx server that reads it.
func newVault(t *testing.T) (*vault, crypto.Signer, harness.Options) {
	t.Helper()
	dir := t.TempDir()
	v := &vault{t: t, folder: dir, keys: filepath.Join(dir, "keys"), certs: filepath.Join(dir, "certs")}
	live := filepath.Join(v.certs, "live")
	for _, d := range []string{v.keys, live} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	key := v.make("first.key")
	ca, err := targettest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	pair, err := ca.IssueFor(key, []string{payName}, now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	server := targettest.NginxServer{Name: payName, Certificate: filepath.Join(live, "fullchain.pem"), Key: filepath.Join(live, "privkey.pem")}
	writeFile(t, server.Certificate, pair.Chain)
	if err := os.Symlink(filepath.Join(v.keys, "first.key"), server.Key); err != nil {
		t.Fatal(err)
	}
	return v, key, harness.Options{Policies: tenacious, Nginx: sites(server), Kept: map[string]string{payName: v.keys}}
}

// make makes a key in the folder, as openssl would.
func (v *vault) make(file string) crypto.Signer {
	v.t.Helper()
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		v.t.Fatal(err)
	}
	text, err := cert.EncodeKey(key)
	if err != nil {
		v.t.Fatal(err)
	}
	writeFile(v.t, filepath.Join(v.keys, file), text)
	return key
}

// request writes the request of a key beside the folder and gives its path.
func (v *vault) request(key crypto.Signer, file string) string {
	v.t.Helper()
	der, err := cert.Request(key, []string{payName}, pkix.Name{})
	if err != nil {
		v.t.Fatal(err)
	}
	path := filepath.Join(v.folder, file)
	writeFile(v.t, path, cert.CSR{DER: der}.PEM())
	return path
}

func (v *vault) linked() string {
	v.t.Helper()
	to, err := filepath.EvalSymlinks(filepath.Join(v.certs, "live", "privkey.pem"))
	if err != nil {
		v.t.Fatal(err)
	}
	return filepath.Base(to)
}

// servesWith holds that nginx serves the live version with a key: the handshake
// succeeds only with the private half.
func (w *world) servesWith(s workflows.Status, key crypto.Signer) {
	w.t.Helper()
	conn, err := tls.Dial("tcp", w.Nginx.Addresses[0], &tls.Config{ServerName: payName, InsecureSkipVerify: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	if cert.FingerprintOf(leaf) != s.State.Live.Fingerprint {
		w.t.Errorf("nginx serves %s, live is %s", cert.FingerprintOf(leaf).Short(), s.State.Live.Fingerprint.Short())
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(leaf.PublicKey) {
		w.t.Error("it serves another key than the one that was made on the host")
	}
	if ref, err := cert.KeyReference(key.Public()); err != nil || s.State.Live.KeptKey != ref {
		w.t.Errorf("the live version is of the key %q", s.State.Live.KeptKey)
	}
}

// another waits for a version that is not the former one.
func (w *world) another(former cert.Fingerprint) workflows.Status {
	w.t.Helper()
	return w.until("pay", "another version to be proven", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != former && len(s.State.Flights) == 0
	})
}

func TestAKeyThatIsMadeOnItsHostIsFoundNowhereElse(t *testing.T) {
	t.Parallel()
	v, first, o := newVault(t)
	w := prepareOwn(t, o)
	w.start()
	made, err := os.ReadFile(filepath.Join(v.keys, "first.key"))
	if err != nil {
		t.Fatal(err)
	}
	says(t, w.managedFor(2, filepath.Join(v.keys, "first.key")), "it holds a private key; keep that where it is")
	says(t, w.managedFor(0, v.request(first, "first.csr")), "for a key that stays on its host")
	one := w.another("")
	w.servesWith(one, first)
	w.cli(0, "renew", "pay", "--new", "--wait")
	two := w.another(one.State.Live.Fingerprint)
	w.servesWith(two, first)
	if n := w.CA.Issued(); n != 2 {
		t.Errorf("%d certificates were issued, want 2", n)
	}
	var status struct {
		KeptKey struct{ Algorithm, SHA256 string }
	}
	if err := json.Unmarshal([]byte(w.cli(0, "status", "pay", "--output", "json")), &status); err != nil || status.KeptKey.Algorithm != "EC256" || status.KeptKey.SHA256 != two.State.Live.KeptKey {
		t.Errorf("status says %+v, %v", status, err)
	}

	second := v.make("second.key")
	w.cli(0, "enroll", "--cert-name", "pay", "--update", "--csr", v.request(second, "second.csr"))
	says(t, w.cli(0, "explain", "pay"), "the request was replaced", "brings another key")
	w.cli(0, "renew", "pay", "--new", "--wait")
	w.servesWith(w.another(two.State.Live.Fingerprint), second)
	if got := v.linked(); got != "second.key" {
		t.Errorf("the server reads %s", got)
	}
	w.cli(0, "rollback", "pay", "--to", "previous", "--wait")
	back := w.until("pay", "the version before to be live", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint == two.State.Live.Fingerprint && len(s.State.Flights) == 0
	})
	w.servesWith(back, first)
	if got := v.linked(); got != "first.key" {
		t.Errorf("the server reads %s after the way back", got)
	}
	if now, err := os.ReadFile(filepath.Join(v.keys, "first.key")); err != nil || !bytes.Equal(now, made) {
		t.Errorf("the key was touched: %v", err)
	}
	w.keyIsNowhere(v, first, second)
}

// managedFor enrols the certificate by a file with a request.
func (w *world) managedFor(code int, csr string, more ...string) string {
	w.t.Helper()
	a := w.Nginx.Addresses[0]
	return w.cli(code, append([]string{"enroll", "127.0.0.1:" + portOf(a), "--cert-name", "pay", "--endpoint", a + "#" + payName + "@" + payName,
		"--manage", "--ca", "pebble", "--target", payName, "--policy", "tenacious", "--owner", "minji", "--team", "platform", "--csr", csr}, more...)...)
}

// keyIsNowhere searches everything that the world left behind, and proves that
// the search sees what is there.
func (w *world) keyIsNowhere(v *vault, keys ...crypto.Signer) {
	w.t.Helper()
	w.until("pay", "quiet", func(s workflows.Status) bool { return len(s.State.Flights) == 0 && s.Unread == 0 })
	c := w.collect("", "pay")
	w.collectFolder(c, "certificates beside the server", v.certs)
	for kind := range c {
		w.t.Logf("%s: %d bytes in %d pieces", kind, c.size(kind), len(c[kind]))
	}
	for i, key := range keys {
		if where := c.find(key); where != "" {
			w.t.Errorf("key %d: %s", i+1, where)
		}
	}
	given, err := os.ReadFile(filepath.Join(v.folder, "first.csr"))
	if err != nil {
		w.t.Fatal(err)
	}
	request, _ := pem.Decode(given)
	public, seen := []byte(base64.StdEncoding.EncodeToString(request.Bytes)), false
	for _, data := range c[inHistory] {
		seen = seen || bytes.Contains(data, public)
	}
	if !seen {
		w.t.Error("the history that was searched does not hold the request, so it is not that of the certificate")
	}
	for _, pattern := range []string{"versions/*/key.sealed", "keys/*"} {
		if found, err := filepath.Glob(filepath.Join(w.Dir, "store", "certificates", "pay", pattern)); err != nil || len(found) > 0 {
			w.t.Errorf("the store has keys: %v %v", found, err)
		}
	}
	c.findsWhatIsPlanted(w.t)
}

func TestAKeyThatWasReplacedOnItsHostIsToldBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "web7"} {
		t.Run("on host "+host, func(t *testing.T) {
			t.Parallel()
			v, first, o := newVault(t)
			o.Host = host
			w := prepare(t, o)
			w.start()
			if host != "" {
				w.startHost()
			}
			w.managedFor(0, v.request(first, "first.csr"))
			one := w.another("")
			w.servesWith(one, first)

			file := filepath.Join(v.keys, "first.key")
			made, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			v.make("first.key") // somebody makes another in its place
			before := targettest.Tree(t, v.folder)
			w.cli(1, "renew", "pay", "--new", "--wait")
			s := w.until("pay", "the failure to be told", func(s workflows.Status) bool {
				return open(s, string(alert.RenewalFailing)) != nil && len(s.State.Flights) == 0
			})
			if after := targettest.Tree(t, v.folder); after != before {
				t.Errorf("something was written:\n%s\nbefore:\n%s", after, before)
			}
			w.servesWith(s, first) // as it is in memory
			says(t, w.cli(0, "status", "pay"), "nothing was written", "another key", file, "--update --csr FILE")
			w.eventually("the owner to read what is missing where", func() bool {
				return slices.ContainsFunc(w.slackTo(harness.OwnerSlack), func(m notifytest.SlackMessage) bool {
					return strings.Contains(m.Reading(), "is not at kept_key "+v.keys)
				})
			})

			writeFile(t, file, made)
			w.cli(0, "renew", "pay", "--wait")
			two := w.another(one.State.Live.Fingerprint)
			w.servesWith(two, first)
			if n := w.CA.Issued(); n != 2 {
				t.Errorf("%d certificates were issued, want 2: what was issued is deployed", n)
			}
			if host != "" {
				w.handedWithoutKey(host, two.State.Live.Fingerprint)
			}
		})
	}
}

// handedWithoutKey holds that what was sealed for a host has no key in it.
func (w *world) handedWithoutKey(host string, f cert.Fingerprint) {
	w.t.Helper()
	part, err := store.Options{Path: filepath.Join(w.Dir, "store", "hosts", host), KeyFile: filepath.Join(w.Dir, "host.key")}.OpenHost(host)
	if err != nil {
		w.t.Fatal(err)
	}
	defer part.Close()
	pair, err := part.Pair(w.t.Context(), "pay", f)
	if err != nil || !pair.KeptKey || len(pair.Key) > 0 || !strings.Contains(string(pair.Chain), "BEGIN CERTIFICATE") {
		w.t.Errorf("handed over with KeptKey %t and %d bytes of key: %v", pair.KeptKey, len(pair.Key), err)
	}
}
