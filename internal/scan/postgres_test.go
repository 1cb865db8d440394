package scan

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
)

// nobody runs a program as a user who is not root, as PostgreSQL insists.
func nobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	cmd.Dir = "/"
	return cmd
}

func TestARealPostgreSQLIsLookedAt(t *testing.T) {
	bin := postgrestest.Need(t)
	a := scantest.NewAuthority(t)
	leaf := a.Leaf(t, nil, "db.test")
	// A socket's path is short, and the user must be able to reach it.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("chain.pem", cert.EncodeChain([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert}))
	key, err := cert.EncodeKey(leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	write("key.pem", key)
	if os.Geteuid() == 0 {
		for _, name := range []string{"", "chain.pem", "key.pem"} {
			if err := os.Chown(filepath.Join(dir, name), 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := nobody(exec.CommandContext(t.Context(), filepath.Join(bin, "initdb"), "-D", data, "-U", "x", "--no-sync", "-A", "trust")).CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	e := cert.Endpoint{Host: "127.0.0.1", Port: freePort(t), ServerName: "db.test", StartTLS: "postgres"}
	cmd := nobody(exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-h", e.Host, "-p", fmt.Sprint(e.Port), "-F",
		"-c", "ssl=on", "-c", "ssl_cert_file="+filepath.Join(dir, "chain.pem"), "-c", "ssl_key_file="+filepath.Join(dir, "key.pem")))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		var exit *exec.ExitError
		if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
	})
	var o cert.Observation
	for deadline := time.Now().Add(time.Minute); !o.Seen() && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		o = observeOne(t, Options{Roots: a.Roots}, e)
	}
	if o.Version.Fingerprint != cert.FingerprintOf(leaf.Cert) || len(o.Problems) > 0 {
		t.Errorf("saw %+v\n%s", o, out.Bytes())
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
