package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/test/harness"
)

// papers are the files by which an engine and its clients know each other.
type papers struct {
	t   *testing.T
	dir string
}

func (p papers) file(name string, data []byte) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// pair writes a certificate of an authority for one use, and its key.
func (p papers) pair(name string, a scantest.Authority, use x509.ExtKeyUsage) (certFile, keyFile string) {
	p.t.Helper()
	leaf := a.Leaf(p.t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{use} }, "127.0.0.1")
	key, err := cert.EncodeKey(leaf.Key)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.file(name+".pem", cert.EncodeChain([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert})), p.file(name+".key", key)
}

func (p papers) root(name string, a scantest.Authority) string {
	return p.file(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Cert.Raw}))
}

// Worker and CLI reach a Temporal that asks who they are; whoever cannot show it
// does not get in, and is told what of temporal.tls mends it.
func TestAnEngineThatAsksWhoOneIsIsReachedWithACertificateOrAKey(t *testing.T) {
	t.Parallel()
	p := papers{t, t.TempDir()}
	ours, others := scantest.NewAuthority(t), scantest.NewAuthority(t)
	serverCert, serverKey := p.pair("server", ours, x509.ExtKeyUsageServerAuth)
	clientCert, clientKey := p.pair("client", ours, x509.ExtKeyUsageClientAuth)
	foreignCert, foreignKey := p.pair("foreign", others, x509.ExtKeyUsageClientAuth)
	root, foreignRoot := p.root("root.pem", ours), p.root("foreign-root.pem", others)
	key := p.file("api.key", []byte("this-is-the-key-of-the-worker-1\n"))
	oldAndNew := p.file("api.keys", []byte("one-that-is-on-its-way-out-0001\nthis-is-the-key-of-the-worker-1\n"))
	wrongKey := p.file("wrong.key", []byte("this-is-a-key-of-somebody-else-1\n"))
	serves := []string{"--tls-cert", serverCert, "--tls-key", serverKey}
	for name, c := range map[string]struct {
		engine  []string
		access  string
		refused map[string]string // access and what the refusal says
	}{
		"a certificate": {
			append([]string{"--tls-client-ca", root}, serves...),
			", tls: {ca_file: " + root + ", cert_file: " + clientCert + ", key_file: " + clientKey + "}",
			map[string]string{
				", tls: {ca_file: " + root + "}": "asks for a certificate of who calls: set temporal.tls.cert_file and temporal.tls.key_file",
				", tls: {ca_file: " + root + ", cert_file: " + foreignCert + ", key_file: " + foreignKey + "}":                                       "does not accept the certificate of temporal.tls.cert_file",
				", tls: {ca_file: " + foreignRoot + ", cert_file: " + clientCert + ", key_file: " + clientKey + "}":                                  "is not known here (its certificate is issued by",
				", tls: {ca_file: " + root + ", cert_file: " + clientCert + ", key_file: " + clientKey + ", server_name: temporal.example.com" + "}": "is for 127.0.0.1: set temporal.tls.server_name",
				", queue_timeout: 2m": "speaks TLS, and temporal.tls is not set: set temporal.tls.ca_file", // in clear
			},
		},
		"a key": {
			append([]string{"--api-key-file", oldAndNew}, serves...),
			", tls: {ca_file: " + root + "}, api_key_file: " + key,
			map[string]string{
				", tls: {ca_file: " + root + "}":                              "unauthorized",
				", tls: {ca_file: " + root + "}, api_key_file: " + wrongKey:   "unauthorized",
				", tls: {ca_file: " + foreignRoot + "}, api_key_file: " + key: "set temporal.tls.ca_file to the certificate of that authority",
			},
		},
		"nobody": {nil, ", queue_timeout: 2m", map[string]string{
			", tls: {ca_file: " + root + "}": "does not speak TLS, and temporal.tls or temporal.api_key_file is set",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e, err := harness.StartEngine(t.Context(), dir, append([]string{"--db-filename", filepath.Join(dir, "engine.db")}, c.engine...)...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Stop)
			w := prepare(t, harness.Options{Engine: e.Address(), Access: c.access, Policies: stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour))})
			ctx, cancel := w.patience()
			defer cancel()
			if err := w.StartWorker(ctx); err != nil {
				t.Fatal(err)
			}
			w.watch("shop", 0, "--policy", "steps")
			w.eventually("the owner to be told", func() bool { return len(w.pages(harness.OwnerSlack, alert.Expiring)) > 0 })
			if out := w.cli(0, "list"); !strings.Contains(out, "shop") {
				t.Errorf("list: %s", out)
			}

			text, err := os.ReadFile(w.Config)
			if err != nil {
				t.Fatal(err)
			}
			for access, want := range c.refused {
				file := papers{t, t.TempDir()}.file("neverlapse.yaml", []byte(strings.Replace(string(text), c.access, access, 1)))
				for _, who := range [][]string{{w.Binaries.CLI, "list"}, {w.Binaries.CLI, "doctor", "--only", "temporal"}, {w.Binaries.Worker}} {
					out, code := w.run(who[0], append(who[1:], "--config", file)...)
					if code == 0 || !strings.Contains(out, want) {
						t.Errorf("%s with%s: exit code %d, want a refusal that says %q\n%s", strings.Join(who, " "), access, code, want, out)
					}
				}
			}
		})
	}
}
