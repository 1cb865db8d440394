// Package vaulttest is a Vault as tests meet it: its own KV and transit engines as a process
// on a loopback port, behind a stand-in of tokens, policies, AppRole,
// namespaces and the seal (test/servers/vault-kv). It is no part of the product.
package vaulttest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// BinaryEnv names the program that test/servers/build-vault-kv.sh has built.
const BinaryEnv = "NEVERLAPSE_VAULT_KV"

// World is what the server has.
type World struct {
	Tokens map[string]Policy `json:"tokens"`
	Roles  map[string]Role   `json:"roles"`  // of AppRole, by role ID
	Mounts map[string]string `json:"mounts"` // version of the KV engine, or "transit", by [NAMESPACE/]MOUNT
}

// Policy gives capabilities by path; a path that ends in * is a prefix.
type Policy map[string][]string

// Role is one of AppRole.
type Role struct {
	SecretID string  `json:"secretID"`
	TTL      float64 `json:"ttl"` // of its tokens, in seconds
	Policy   Policy  `json:"policy"`
}

// Root is a token that may do everything.
const Root = "hvs.root-of-the-tests"

// Everything is the policy of Root.
var Everything = Policy{"*": {"create", "read", "update", "delete", "list", "root"}}

// Vault is a running server.
type Vault struct {
	URL      string
	RootFile string // PEM of the root of its certificate

	process *targettest.Process
	client  *http.Client
}

// Need skips the test where the server was not built.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv(BinaryEnv) != "" {
		return
	}
	const how = BinaryEnv + " is not set; run make test, or set it to what test/servers/build-vault-kv.sh prints"
	if os.Getenv(targettest.RequireEnv) != "" {
		t.Fatal(how)
	}
	t.Skip(how)
}

// Start starts a server that keeps its files in dir; Stop ends it.
func Start(ctx context.Context, dir string, w World) (*Vault, error) {
	ca, err := targettest.NewCA()
	if err != nil {
		return nil, err
	}
	pair, err := ca.Issue([]string{"127.0.0.1"}, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	if err != nil {
		return nil, err
	}
	world, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	port, err := targettest.FreePort()
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, data := range map[string][]byte{"vault.pem": pair.Chain, "vault.key": pair.Key, "root.pem": ca.RootPEM(), "world.json": world} {
		if err := os.WriteFile(in(name), data, 0o600); err != nil {
			return nil, err
		}
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	v := &Vault{
		URL: "https://" + address, RootFile: in("root.pem"),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}}},
	}
	v.process, err = targettest.StartProcess(in("vault.log"), nil, os.Getenv(BinaryEnv), "-listen", address, "-cert", in("vault.pem"), "-key", in("vault.key"), "-world", in("world.json"))
	if err != nil {
		return nil, err
	}
	if err := v.ready(ctx); err != nil {
		return nil, errors.Join(err, v.Stop())
	}
	return v, nil
}

// Stop ends the server.
func (v *Vault) Stop() error { return v.process.Stop() }

func (v *Vault) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		_, _, err := v.ask(ctx, http.MethodPost, "", "sys/unseal", nil)
		if err == nil {
			return nil
		}
		select {
		case <-v.process.Exited:
			return fmt.Errorf("vault-kv ended: %s", v.process.Said())
		case <-ctx.Done():
			return fmt.Errorf("vault-kv is not ready: %w; %s", err, v.process.Said())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Client trusts the server.
func (v *Vault) Client() *http.Client { return v.client }

func (v *Vault) ask(ctx context.Context, method, namespace, path string, body any) (int, []byte, error) {
	sent, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	if body == nil {
		sent = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, v.URL+"/v1/"+path, strings.NewReader(string(sent)))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("X-Vault-Token", Root)
	req.Header.Set("X-Vault-Namespace", namespace)
	resp, err := v.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, data, err
}

// Do sends a request as root, and ends the test unless the answer is of 2xx or,
// for a GET, 404, which gives nil.
func (v *Vault) Do(t testing.TB, method, namespace, path string, body any) []byte {
	t.Helper()
	status, data, err := v.ask(context.Background(), method, namespace, path, body) // cleanups call it, too
	switch {
	case err != nil:
		t.Fatal(err)
	case status == http.StatusNotFound && method == http.MethodGet:
		return nil
	case status >= 300:
		t.Fatalf("%s %s: %d %s", method, path, status, data)
	}
	return data
}

// Read gives the fields of the newest version of a secret and its number; nil
// if there is none.
func (v *Vault) Read(t testing.TB, namespace, mount, path string) (fields map[string]any, version int) {
	t.Helper()
	raw := v.Do(t, http.MethodGet, namespace, mount+"/data/"+path, nil)
	if raw == nil {
		return nil, 0
	}
	var out struct {
		Data struct {
			Data     map[string]any
			Metadata struct{ Version int }
		}
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out.Data.Data, out.Data.Metadata.Version
}

// Write makes a new version of a secret.
func (v *Vault) Write(t testing.TB, namespace, mount, path string, fields map[string]any) {
	t.Helper()
	v.Do(t, http.MethodPost, namespace, mount+"/data/"+path, map[string]any{"data": fields})
}
