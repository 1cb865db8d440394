package targettest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// BrokenText is a part of what nginx -t says after BreakConfig.
const BrokenText = `unknown directive "neverlapse_was_here"`

// BreakConfig makes the configuration invalid in a file that has nothing to do
// with certificates. The running nginx does not notice.
func (n *Nginx) BreakConfig() error {
	if err := os.WriteFile(n.brokenFile(), []byte("neverlapse_was_here on;\n"), 0o600); err != nil {
		return fmt.Errorf("break the configuration: %w", err)
	}
	return nil
}

// RepairConfig undoes BreakConfig.
func (n *Nginx) RepairConfig() error {
	if err := os.Remove(n.brokenFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("repair the configuration: %w", err)
	}
	return nil
}

func (n *Nginx) brokenFile() string { return filepath.Join(n.Prefix, "conf", "extra", "broken.conf") }

// Directory is where the default files of the i-th server lie, as the option
// directory of a target takes it.
func (n *Nginx) Directory(i int) string {
	return filepath.Dir(filepath.Dir(n.Servers[i].Certificate))
}

// Served makes a fresh connection and gives the fingerprint of the leaf that is
// served. It verifies nothing.
func Served(ctx context.Context, address, serverName string) (cert.Fingerprint, error) {
	d := tls.Dialer{Config: &tls.Config{ServerName: serverName, InsecureSkipVerify: true}}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return cert.FingerprintOf(conn.(*tls.Conn).ConnectionState().PeerCertificates[0]), nil
}

// prepare fills in the defaults and writes the first pair.
func (s *NginxServer) prepare(dir string) error {
	if s.Name == "" {
		s.Name = "localhost"
	}
	live := filepath.Join(dir, "certs", s.Name, "live")
	if s.Certificate == "" {
		s.Certificate = filepath.Join(live, "fullchain.pem")
	}
	if s.Key == "" {
		s.Key = filepath.Join(live, "privkey.pem")
	}
	if _, err := os.Stat(s.Certificate); err == nil {
		return nil
	}
	if len(s.Initial.Chain) == 0 {
		now := time.Now()
		pair, err := NewPair([]string{s.Name}, now.Add(-time.Hour), now.Add(24*time.Hour))
		if err != nil {
			return err
		}
		s.Initial = pair
	}
	for _, f := range []struct {
		path string
		data []byte
		mode os.FileMode
	}{{s.Key, s.Initial.Key, 0o600}, {s.Certificate, s.Initial.Chain, 0o644}} {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return fmt.Errorf("prepare %s: %w", s.Name, err)
		}
		if err := os.WriteFile(f.path, f.data, f.mode); err != nil {
			return fmt.Errorf("prepare %s: %w", s.Name, err)
		}
	}
	return nil
}

// configure chooses ports and writes the configuration.
func (n *Nginx) configure() error {
	for _, d := range []string{"conf/extra", "logs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(n.Prefix, d), 0o755); err != nil {
			return fmt.Errorf("configure nginx: %w", err)
		}
	}
	var err error
	if n.Addresses, err = freeAddresses(len(n.Servers)); err != nil {
		return err
	}
	n.argv = []string{n.Binary, "-p", n.Prefix, "-c", n.Config, "-e", n.ErrorLog, "-g", "daemon off;"}
	var b strings.Builder
	fmt.Fprintf(&b, "pid %q;\nerror_log %q notice;\nworker_processes %d;\nevents { worker_connections 512; }\n",
		filepath.Join(n.Prefix, "nginx.pid"), n.ErrorLog, nginxProcesses)
	b.WriteString("http {\n  access_log off;\n  ssl_protocols TLSv1.2 TLSv1.3;\n  server_names_hash_bucket_size 256;\n")
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&b, "  %s_temp_path %q;\n", name, filepath.Join(n.Prefix, "tmp", name))
	}
	for i, s := range n.Servers {
		fmt.Fprintf(&b, "  server {\n    listen %s ssl;\n    server_name %q;\n    ssl_certificate %q;\n    ssl_certificate_key %q;\n    location / { return 200 \"ok\\n\"; }\n  }\n",
			n.Addresses[i], s.Name, s.Certificate, s.Key)
	}
	fmt.Fprintf(&b, "  include %q;\n}\n", filepath.Join(n.Prefix, "conf", "extra", "*.conf"))
	if err := os.WriteFile(n.Config, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("configure nginx: %w", err)
	}
	return nil
}
