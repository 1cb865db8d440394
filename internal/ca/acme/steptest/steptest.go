// Package steptest is a real ACME CA of another make than Pebble: step-ca as a
// process, with a root and an intermediate of its own. It has no profiles and
// no renewal information, validates while a challenge is accepted, and keeps
// what it knows on disk. Tests of the acme package start it. It is no part of
// the product.
package steptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// BinaryEnv names the program that test/servers/build-step-ca.sh has built.
const BinaryEnv = "NEVERLAPSE_STEP_CA"

// Options say what kind of CA to start.
type Options struct {
	Dir      string // its folder, which must be empty
	Port     int    // of 127.0.0.1, for its API
	HTTPPort int    // at which HTTP-01 challenges are fetched
	TLSPort  int    // at which TLS-ALPN-01 challenges are asked
	Resolver string // DNS server, host:port
}

// CA is a running step-ca.
type CA struct {
	Directory   string // URL of the ACME directory
	EAB         string // URL of that which wants accounts bound
	RootFile    string // PEM, of its API and of what it issues alike
	IssuerRoots []byte // the content of RootFile

	cmd *exec.Cmd
	end chan error
}

// New starts a CA; Close stops it.
func New(ctx context.Context, o Options) (_ *CA, err error) {
	binary := os.Getenv(BinaryEnv)
	if binary == "" {
		return nil, errors.New(BinaryEnv + " is not set; run make test, or build step-ca by test/servers/build-step-ca.sh")
	}
	root, err := writePKI(o.Dir)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(o.Dir, "ca.json")
	if err := os.WriteFile(config, configuration(o), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(o.Dir, "step-ca.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	base := fmt.Sprintf("https://127.0.0.1:%d/acme/", o.Port)
	c := &CA{Directory: base + "acme/directory", EAB: base + "bound/directory", RootFile: filepath.Join(o.Dir, "root.crt"), IssuerRoots: root, end: make(chan error, 1)}
	c.cmd = exec.Command(binary, "--insecure", "--acme-http-port", fmt.Sprint(o.HTTPPort), "--acme-tls-port", fmt.Sprint(o.TLSPort), "--resolver", o.Resolver, config)
	c.cmd.Env = []string{"HOME=" + o.Dir, "STEPPATH=" + o.Dir, "PATH=" + os.Getenv("PATH")}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { c.end <- c.cmd.Wait() }()
	if err := c.ready(ctx); err != nil {
		text, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("step-ca: %w\n%s", err, text), c.Close())
	}
	return c, nil
}

func (c *CA) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.IssuerRoots)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Directory, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case end := <-c.end:
			c.end <- end
			return fmt.Errorf("it ended: %w", end)
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close stops it.
func (c *CA) Close() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.end:
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.end
	}
	return nil
}

func configuration(o Options) []byte {
	claims := map[string]string{"minTLSCertDuration": "30s", "defaultTLSCertDuration": "2h", "maxTLSCertDuration": "24h"}
	in := func(name string) string { return filepath.Join(o.Dir, name) }
	data, err := json.MarshalIndent(map[string]any{
		"root": in("root.crt"), "crt": in("intermediate.crt"), "key": in("intermediate.key"),
		"address": fmt.Sprintf("127.0.0.1:%d", o.Port), "dnsNames": []string{"127.0.0.1", "localhost"},
		"logger": map[string]string{"format": "text"},
		"db":     map[string]string{"type": "badgerv2", "dataSource": in("db")},
		"authority": map[string]any{
			"backdate": "0s",
			"provisioners": []map[string]any{
				{"type": "ACME", "name": "acme", "claims": claims},
				{"type": "ACME", "name": "bound", "requireEAB": true, "claims": claims},
			},
		},
	}, "", "  ")
	if err != nil {
		panic(err) // maps of strings are always JSON
	}
	return data
}
