// Package postgrestest starts a PostgreSQL server of its own for tests, on a
// socket nobody else knows, and can kill it. It tests nothing itself.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Programs is the folder of PostgreSQL's programs; "" if it is not installed.
func Programs() string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err == nil && len(found) > 0 {
		return found[len(found)-1]
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(p)
	}
	return ""
}

// Need gives the folder of PostgreSQL's programs, or skips the test.
func Need(t testing.TB) string {
	t.Helper()
	if bin := Programs(); bin != "" {
		return bin
	}
	const missing = "PostgreSQL is not installed: apt-get install -y --no-install-recommends postgresql"
	if os.Getenv("NEVERLAPSE_REQUIRE_SERVERS") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// Server is a running server.
type Server struct {
	bin, dir string
	made     atomic.Int64

	mu     sync.Mutex
	cmd    *exec.Cmd
	output bytes.Buffer
}

// Start makes a server and ends it with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	bin := Need(t)
	// The path of a socket is short, and the server's user must be able to reach it.
	dir, err := os.MkdirTemp("", "pg")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		must(t, os.Chown(dir, nobody, nobody))
	}
	s := &Server{bin: bin, dir: dir}
	init := s.command("initdb", "-D", s.data(), "-U", "x", "--no-sync", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.Up(t)
	t.Cleanup(s.Kill)
	return s
}

const nobody = 65534

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// command runs a program as a user who is not root, as PostgreSQL insists.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	cmd.Dir = "/"
	return cmd
}

// Up starts the server again and waits until it answers.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200")
	s.output.Reset()
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	must(t, s.cmd.Start())
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := pgx.Connect(t.Context(), s.URL("postgres"))
		if err == nil {
			must(t, c.Close(t.Context()))
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not answer: %v", err)
		}
	}
}

// Kill ends the server and all its processes with SIGKILL.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	// Its children are in sessions of their own; they end when they find it gone.
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
	s.cmd = nil
}

// URL is the connection string of a database.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=x&sslmode=disable", database, s.dir)
}

// Database makes an empty one and gives its connection string.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("test", s.made.Add(1))
	s.Exec(t, s.URL("postgres"), "CREATE DATABASE "+name)
	return s.URL(name)
}

// Exec runs SQL in a database.
func (s *Server) Exec(t testing.TB, url, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	must(t, err)
	_, err = c.Exec(t.Context(), sql)
	must(t, errors.Join(err, c.Close(context.WithoutCancel(t.Context()))))
}

// Run runs a program of PostgreSQL and gives what it wrote.
func (s *Server) Run(t testing.TB, stdin []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := s.command(program, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, errs.Bytes())
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
