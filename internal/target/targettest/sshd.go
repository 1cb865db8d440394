package targettest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// SSHD is an OpenSSH server on a loopback port that lets the user in who runs
// the test.
type SSHD struct {
	Port       int
	User       string
	Identity   string // private key that is let in
	KnownHosts string // knows the server's key
	HostKey    string // the server's private key; its public one beside it in .pub
	config     string
	log        string
	cmd        *exec.Cmd
}

// NeedSSHD gives the path of OpenSSH's server, or skips the test if it is not installed.
func NeedSSHD(t testing.TB) string {
	t.Helper()
	const path = "/usr/sbin/sshd"
	if _, err := os.Stat(path); err == nil {
		return path
	}
	err := errors.New("no /usr/sbin/sshd; install it (Debian: apt-get install openssh-server)")
	if os.Getenv(RequireEnv) != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// StartSSHD starts a server with its files in dir; the test's cleanup ends it.
// Further lines are added to its configuration.
func StartSSHD(t testing.TB, dir string, lines ...string) *SSHD {
	t.Helper()
	binary := NeedSSHD(t)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &SSHD{User: me.Username, Identity: filepath.Join(dir, "id"), KnownHosts: filepath.Join(dir, "known_hosts"), HostKey: filepath.Join(dir, "host_key"), config: filepath.Join(dir, "sshd_config"), log: filepath.Join(dir, "sshd.log")}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	public := s.keys(t)
	if s.Port, err = FreePort(); err != nil {
		t.Fatal(err)
	}
	s.write(t, s.KnownHosts, fmt.Sprintf("[127.0.0.1]:%d %s", s.Port, public))
	text := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s\nPidFile none\nAuthorizedKeysFile %s.pub\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nMaxStartups 100\nSubsystem sftp internal-sftp\n", s.Port, s.HostKey, s.Identity)
	for _, l := range lines {
		text += l + "\n"
	}
	// With SHLVL a login shell that is bash does not take itself for a session's first,
	// and leaves out ~/.bashrc, which on a developer's machine may take its time. It is
	// the last line, since of several SetEnv the first counts (sshd_config(5)).
	text += "SetEnv SHLVL=1\n"
	s.write(t, s.config, text)
	s.Start(t, binary)
	t.Cleanup(s.Stop)
	return s
}

// Start starts it again after Stop.
func (s *SSHD) Start(t testing.TB, binary string) {
	t.Helper()
	s.cmd = exec.Command(binary, "-D", "-f", s.config, "-E", s.log)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(startDeadline)
	for {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(s.Port), time.Second)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(s.log)
			t.Fatalf("sshd does not start: %v\n%s", err, said)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Stop ends the server; connections that stand go on.
func (s *SSHD) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	_ = s.cmd.Wait()
	s.cmd = nil
}

// keys makes the keys of server and user and gives the server's public one.
func (s *SSHD) keys(t testing.TB) (host string) {
	t.Helper()
	host = s.key(t, s.HostKey)
	s.key(t, s.Identity)
	return host
}

func (s *SSHD) key(t testing.TB, path string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, path, string(pem.EncodeToMemory(block)))
	text := string(ssh.MarshalAuthorizedKey(line))
	s.write(t, path+".pub", text)
	return text
}

func (s *SSHD) write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// WriteRSAHostKey makes a further key for a server and gives its public one.
func WriteRSAHostKey(t testing.TB, path string) (public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(line))
}
