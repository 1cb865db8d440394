package targettest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// HAProxy is a running HAProxy, master and worker, with one TLS frontend that
// answers every request with 200.
type HAProxy struct {
	Binary, Config string
	// Socket is its stats socket, Master that of the master process.
	Socket, Master string
	// Directory holds live/bundle.pem, which it reads.
	Directory string

	daemon
}

// FindHAProxy gives the path of HAProxy; an error tells how to install it.
func FindHAProxy() (string, error) {
	return find("haproxy", "haproxy", "/usr/sbin/haproxy", "/usr/local/sbin/haproxy")
}

// StartHAProxy writes a configuration below dir, which must exist, and starts
// HAProxy with it on a free loopback port, serving pair. more are further
// files of certificates, each on a port of its own. Stop ends it.
func StartHAProxy(binary, dir string, pair cert.Pair, more ...string) (*HAProxy, error) {
	// A socket's path has at most 107 bytes, and those of tests can be longer.
	sockets, err := os.MkdirTemp("", "hap")
	if err != nil {
		return nil, fmt.Errorf("prepare HAProxy: %w", err)
	}
	h := &HAProxy{
		Binary: binary, Config: filepath.Join(dir, "conf", "haproxy.cfg"), Directory: filepath.Join(dir, "certs"),
		Socket: filepath.Join(sockets, "admin.sock"), Master: filepath.Join(sockets, "master.sock"),
	}
	h.argv = []string{h.Binary, "-W", "-S", h.Master + ",mode,600", "-f", filepath.Dir(h.Config)}
	for _, d := range []string{"conf", "certs/live"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("prepare HAProxy: %w", err)
		}
	}
	if err := writeLive(h.Directory, map[string][]byte{"bundle.pem": Bundle(pair)}); err != nil {
		return nil, err
	}
	if err := h.boot(func() error { return h.configure(more) }); err != nil {
		return nil, err
	}
	return h, nil
}

// Bundle is a pair in one file: the key, then the chain.
func Bundle(pair cert.Pair) []byte { return append(bytes.Clone(pair.Key), pair.Chain...) }

// Bundle is the file that it reads.
func (h *HAProxy) Bundle() string { return filepath.Join(h.Directory, "live", "bundle.pem") }

func (h *HAProxy) configure(more []string) (err error) {
	if h.Addresses, err = freeAddresses(1 + len(more)); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global\n  stats socket %s mode 600 level admin expose-fd listeners\n", h.Socket)
	b.WriteString("defaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\nfrontend fe\n")
	for i, file := range append([]string{h.Bundle()}, more...) {
		fmt.Fprintf(&b, "  bind %s ssl crt %s\n", h.Addresses[i], file)
	}
	b.WriteString("  http-request return status 200 content-type text/plain string \"ok\\n\"\n")
	if err := os.WriteFile(h.Config, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("configure HAProxy: %w", err)
	}
	return nil
}

// Extra writes a further file of configuration; the running HAProxy does not
// notice. Empty text removes it.
func (h *HAProxy) Extra(name, text string) error {
	return extra(filepath.Join(filepath.Dir(h.Config), name), text)
}

// Stop lets it finish and leaves nothing of it.
func (h *HAProxy) Stop() error {
	err := h.daemon.Stop()
	if rm := os.RemoveAll(filepath.Dir(h.Socket)); err == nil {
		err = rm
	}
	return err
}
