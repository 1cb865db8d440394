package target_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var _ activities.Target = (*target.SSH)(nil)

// reaching are the options that reach a server.
func reaching(s *targettest.SSHD) target.SSHOptions {
	return target.SSHOptions{Host: "127.0.0.1", Port: s.Port, User: s.User, KnownHostsFile: s.KnownHosts, IdentityFile: s.Identity}
}

func newSSH(t testing.TB, o target.SSHOptions) *target.SSH {
	t.Helper()
	tgt, err := target.NewSSH("web1", o)
	must(t, err)
	return tgt
}

// sshHarness is the harness of the kind file with another machine between.
func sshHarness(h targettest.Harness, files func(dir, certs string) target.Files) targettest.Harness {
	h.Kills = 5 // each takes a connection and a dozen commands
	prepare := h.Prepare
	h.Prepare = func(t testing.TB, dir string) targettest.Place {
		server := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
		data, err := json.Marshal(reaching(server))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "options"), data, 0o600))
		return prepare(t, dir)
	}
	h.Open = func(dir string) (targettest.Target, error) {
		data, err := os.ReadFile(filepath.Join(dir, "options"))
		if err != nil {
			return nil, err
		}
		var o target.SSHOptions
		if err := json.Unmarshal(data, &o); err != nil {
			return nil, err
		}
		f := flagged(dir, files(dir, filepath.Join(dir, "certs")))
		o.Files, o.Check, o.Reload = f.Files, f.Check, f.Reload
		return target.NewSSH("web1", o)
	}
	return h
}

func inDirectory(_, certs string) target.Files { return target.Files{Directory: certs} }

func TestSSHWithDirectory(t *testing.T) {
	t.Parallel()
	targettest.NeedSSHD(t)
	h := sshHarness(fileHarness(func(certs string) target.Files { return inDirectory("", certs) }, "live/fullchain.pem", "live/privkey.pem", true), inDirectory)
	h.Before = map[string]func(testing.TB, string){
		"nothing": func(testing.TB, string) {},
		"a plain directory": func(t testing.TB, dir string) {
			writePair(t, filepath.Join(dir, "certs", "live"), 0o640)
			must(t, os.WriteFile(filepath.Join(dir, "certs", "live", "README"), []byte("by hand"), 0o604))
			must(t, os.Chmod(filepath.Join(dir, "certs", "live"), 0o711))
		},
		"a symlink to somewhere else": func(t testing.TB, dir string) {
			writePair(t, filepath.Join(dir, "certs", "archive", "1"), 0o600)
			must(t, os.Symlink("archive/1", filepath.Join(dir, "certs", "live")))
		},
	}
	targettest.Run(t, h)
}

func TestSSHPlain(t *testing.T) {
	t.Parallel()
	targettest.NeedSSHD(t)
	files := func(_, certs string) target.Files {
		return target.Files{Fullchain: filepath.Join(certs, "it's full.pem"), Key: filepath.Join(certs, "privkey.pem")}
	}
	h := sshHarness(fileHarness(func(certs string) target.Files { return files("", certs) }, "it's full.pem", "privkey.pem", false), files)
	h.Before = map[string]func(testing.TB, string){
		"nothing": func(testing.TB, string) {},
		"files of others": func(t testing.TB, dir string) {
			writePair(t, filepath.Join(dir, "certs"), 0o640)
			if os.Geteuid() == 0 {
				must(t, os.Chown(filepath.Join(dir, "certs", "privkey.pem"), 65534, 65534))
			}
		},
		"a symlink of somebody else": func(t testing.TB, dir string) {
			must(t, os.Symlink("/nonexistent/x", filepath.Join(dir, "certs", "privkey.pem")))
			if os.Geteuid() == 0 {
				must(t, os.Lchown(filepath.Join(dir, "certs", "privkey.pem"), 65534, 65534))
			}
		},
	}
	targettest.Run(t, h)
}

func TestSSHPKCS12(t *testing.T) {
	t.Parallel()
	targettest.NeedSSHD(t)
	files := func(certs, password string) target.Files {
		return target.Files{Keystores: target.Keystores{PKCS12: filepath.Join(certs, "shop.p12"), KeystorePasswordFile: password}}
	}
	h := keystoreHarness(files, "shop.p12", true)
	targettest.Run(t, sshHarness(h, func(dir, certs string) target.Files { return files(certs, passwordFile(dir)) }))
}

// plainOver is a target with one file in dir over a server.
func plainOver(s *targettest.SSHD, dir string) target.SSHOptions {
	o := reaching(s)
	o.Combined = filepath.Join(dir, "all.pem")
	return o
}

func TestAHostThatIsNotTheKnownOneGetsNothing(t *testing.T) {
	dir := t.TempDir()
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	o := plainOver(s, dir)
	other := targettest.StartSSHD(t, filepath.Join(dir, "other"))
	known, err := os.ReadFile(other.HostKey + ".pub")
	must(t, err)

	must(t, os.WriteFile(s.KnownHosts, fmt.Appendf(nil, "[127.0.0.1]:%d %s", s.Port, known), 0o600))
	changed := newSSH(t, o)
	if err := changed.Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "IS NOT THE ONE IN") {
		t.Errorf("a changed key: %v", err)
	}
	must(t, os.WriteFile(s.KnownHosts, fmt.Appendf(nil, "[127.0.0.1]:%d %s", s.Port+1, known), 0o600))
	if err := changed.Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "is not in") {
		t.Errorf("an unknown host: %v", err)
	}
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "ssh-keyscan") {
		t.Errorf("an unknown host at the door: %v", err)
	}
}

// The server has keys of two kinds; known_hosts knows the one that would not be chosen.
func TestTheKnownKeyIsAskedForAlsoWhenTheHostHasOthers(t *testing.T) {
	dir := t.TempDir()
	second := targettest.WriteRSAHostKey(t, filepath.Join(dir, "rsa"))
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"), "HostKey "+filepath.Join(dir, "rsa"))
	must(t, os.WriteFile(s.KnownHosts, fmt.Appendf(nil, "[127.0.0.1]:%d %s", s.Port, second), 0o600))
	must(t, newSSH(t, plainOver(s, dir)).Preflight(t.Context()))
}

func TestAHostOutOfReachIsBehindAndCostsNoAttempt(t *testing.T) {
	dir := t.TempDir()
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	tgt := newSSH(t, plainOver(s, dir))
	s.Stop()
	if _, err := tgt.Capture(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("nobody listens: %v", err)
	}
	if ids := tgt.Identity(); len(ids) != 1 || ids[0] != fmt.Sprintf("ssh:127.0.0.1:%d:%s", s.Port, filepath.Join(dir, "all.pem")) {
		t.Errorf("Identity without the host = %q", ids)
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
	must(t, err)
	defer l.Close()
	o := plainOver(s, dir)
	o.ConnectTimeout = 300 * time.Millisecond
	if _, err := newSSH(t, o).Capture(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("somebody listens and says nothing: %v", err)
	}
}

func TestAKeyThatOthersMayReadOrTheHostDoesNotKnowIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	o := plainOver(s, dir)
	other := targettest.StartSSHD(t, filepath.Join(dir, "other"))
	o.IdentityFile = other.Identity
	if err := newSSH(t, o).Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "authorized_keys") {
		t.Errorf("a stranger's key: %v", err)
	}
	must(t, os.Chmod(other.Identity, 0o640))
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "chmod go=") {
		t.Errorf("a key that others may read: %v", err)
	}
}

// cutter is a way to the server that can be cut.
type cutter struct {
	net.Listener
	to string
}

func (c cutter) serve(cut <-chan struct{}) {
	for {
		conn, err := c.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", c.to)
		if err != nil {
			conn.Close()
			continue
		}
		go func() { _, _ = io.Copy(up, conn); up.Close() }()
		go func() { _, _ = io.Copy(conn, up); conn.Close() }()
		go func() { <-cut; conn.Close(); up.Close() }()
	}
}

// The outcome of a reload that was running when the connection broke is not
// known: the target is out of reach, not broken, and trying again settles it.
func TestAConnectionThatBreaksDuringTheReloadIsRepeated(t *testing.T) {
	dir := t.TempDir()
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	cut := make(chan struct{})
	go cutter{l, fmt.Sprintf("127.0.0.1:%d", s.Port)}.serve(cut)
	port := l.Addr().(*net.TCPAddr).Port
	key, err := os.ReadFile(s.HostKey + ".pub")
	must(t, err)
	must(t, os.WriteFile(s.KnownHosts, fmt.Appendf(nil, "[127.0.0.1]:%d %s[127.0.0.1]:%d %s", s.Port, key, port, key), 0o600))
	began := filepath.Join(dir, "began")
	o := plainOver(s, dir)
	o.Port, o.Timeout = port, 2*time.Second
	o.Reload = []string{"sh", "-c", "touch " + began + "; sleep 60"}
	tgt, pair := newSSH(t, o), targettest.Fresh(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- tgt.Install(t.Context(), pair, before) }()
	waitFor(t, "the reload", func() bool { _, err := os.Stat(began); return err == nil })
	close(cut)
	if err := <-done; !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "outcome is not known") {
		t.Errorf("Install over a broken connection: %v", err)
	}
	o.Port, o.Reload = s.Port, []string{"true"}
	must(t, newSSH(t, o).Install(t.Context(), pair, before))
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Every word reaches the program as it is written, whatever it would mean to a shell.
func TestWordsOfCommandsMeanNothingToTheShellThere(t *testing.T) {
	dir := t.TempDir()
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	canary := filepath.Join(dir, "canary")
	words := []string{
		"", " ", "a b", "'", `"`, `\`, `\'`, "$(touch " + canary + ")", "`touch " + canary + "`", "; touch " + canary, "| touch " + canary,
		"&& touch " + canary, "'; touch " + canary + "; '", "\n touch " + canary, "-o", "--", "*", "~", "$HOME", "!!", "#", "한국어 🔑", "a\tb", "\x7f\x01", "<" + canary, ">" + canary, "{a,b}",
	}
	o := plainOver(s, dir)
	o.Check = append([]string{"python3", "-c", "import sys,json; sys.exit(print(json.dumps(sys.argv[1:])) or 3)"}, words...)
	err := newSSH(t, o).Preflight(t.Context())
	want, jsonErr := json.Marshal(words)
	must(t, jsonErr)
	var got []string
	text := fmt.Sprint(err)
	if i := strings.LastIndex(text, ": ["); i < 0 || json.Unmarshal([]byte(text[i+2:]), &got) != nil || !equalWords(got, words) {
		t.Errorf("the program got\n%s\nwant\n%s", text, want)
	}
	if _, err := os.Stat(canary); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a word was run: %v", err)
	}
}

func equalWords(a, b []string) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestACommandThatHangsOrLeavesAServerBehindIsBoundedThere(t *testing.T) {
	dir := t.TempDir()
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	o := plainOver(s, dir)
	o.Timeout = time.Second
	pid := filepath.Join(dir, "pid")
	o.Check = []string{"sh", "-c", "sh -c 'echo $$ > " + pid + "; exec sleep 600' & wait"}
	if err := newSSH(t, o).Preflight(t.Context()); err == nil || !strings.Contains(err.Error(), "killed with its children after 1s") {
		t.Errorf("a check that hangs: %v", err)
	}
	waitFor(t, "the end of the child", func() bool {
		n, err := os.ReadFile(pid)
		if err != nil {
			return false
		}
		_, err = os.Stat("/proc/" + strings.TrimSpace(string(n)))
		return err != nil
	})
	o.Timeout = 30 * time.Second
	o.Check = []string{"sh", "-c", "sleep 20 & echo started"} // holds the output
	began := time.Now()
	must(t, newSSH(t, o).Preflight(t.Context()))
	if time.Since(began) > 15*time.Second {
		t.Error("the end of what the check left behind was waited for")
	}
	o.Check = []string{"sh", "-c", "head -c 50000000 /dev/zero; exit 1"}
	if err := newSSH(t, o).Preflight(t.Context()); err == nil || len(err.Error()) > 100_000 {
		t.Errorf("a check that prints 50 MB gives an error of %d bytes", len(fmt.Sprint(err)))
	}
}

func TestOwnersAreNamesOfTheOtherHost(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	dir := t.TempDir()
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	o := plainOver(s, dir)
	nobody, err := user.Lookup("nobody")
	must(t, err)
	o.Owner, o.Group, o.KeyMode = "nobody", nobody.Gid, "0640"
	pair := targettest.Fresh(t)
	install(t, newSSH(t, o), pair)
	if line := targettest.Tree(t, o.Combined); !strings.Contains(line, "-rw-r----- "+nobody.Uid+":"+nobody.Gid) {
		t.Errorf("the file is %s", line)
	}
	o.Owner = "no-such-user"
	if _, err := newSSH(t, o).Capture(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "not known on 127.0.0.1") {
		t.Errorf("an owner that is not there: %v", err)
	}
}

// The real thing: nginx on the other side, checked and reloaded there, proven by a handshake.
func TestNginxBehindSSHServesTheNewCertificate(t *testing.T) {
	targettest.NeedSSHD(t)
	dir := t.TempDir()
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"))
	server, err := targettest.StartNginx(filepath.Join(dir, "nginx"), targettest.NginxOptions{Binary: targettest.NeedNginx(t), Servers: []targettest.NginxServer{{Name: "a.test"}}})
	must(t, err)
	defer server.Stop()
	nginx := []string{server.Binary, "-p", server.Prefix, "-c", server.Config, "-e", server.ErrorLog}
	o := reaching(s)
	o.Directory = filepath.Dir(filepath.Dir(server.Servers[0].Certificate))
	o.Check, o.Reload = append(nginx, "-t"), append(nginx, "-s", "reload")
	tgt, pair := newSSH(t, o), targettest.Fresh(t)
	before := install(t, tgt, pair)
	shows := func(want cert.Fingerprint) func() bool {
		return func() bool { return served(t, server, 0) == want }
	}
	waitFor(t, "the new certificate", shows(targettest.FingerprintOf(pair)))
	was, err := tgt.CapturedVersion(before)
	must(t, err)
	must(t, tgt.Restore(t.Context(), before))
	waitFor(t, "the old certificate", shows(was.Fingerprint))
}

// A login shell reads files of its user before it runs anything, and these may
// speak: neither is that the answer of a command, nor is a lock held because of it.
func TestWhatALoginShellSaysIsNotTakenForTheCommands(t *testing.T) {
	dir := t.TempDir()
	spoke, profile := filepath.Join(dir, "spoke"), filepath.Join(dir, "profile")
	must(t, os.WriteFile(profile, []byte("echo locked; echo 65024 2; echo welcome >&2; : >"+spoke+"\n"), 0o600))
	s := targettest.StartSSHD(t, filepath.Join(dir, "ssh"), "SetEnv BASH_ENV="+profile)
	certs := filepath.Join(dir, "certs")
	must(t, os.Mkdir(certs, 0o700))
	tgt := newSSH(t, plainOver(s, certs))
	before, err := tgt.Capture(t.Context())
	must(t, err)
	held, err := os.Open(certs)
	must(t, err)
	defer held.Close()
	must(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
	done := make(chan error, 1)
	go func() { done <- tgt.Install(t.Context(), targettest.Fresh(t), before) }()
	for waits := false; !waits; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-done:
			t.Fatalf("it did not wait for the lock: %v", err)
		default:
		}
		locks, err := os.ReadFile("/proc/locks")
		must(t, err)
		var at syscall.Stat_t
		must(t, syscall.Stat(certs, &at))
		for _, line := range strings.Split(string(locks), "\n") {
			waits = waits || strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(":%d ", at.Ino))
		}
	}
	if _, err := os.Stat(filepath.Join(certs, "all.pem")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("written while somebody else holds the lock: %v", err)
	}
	must(t, syscall.Flock(int(held.Fd()), syscall.LOCK_UN))
	must(t, <-done)
	if _, err := os.Stat(filepath.Join(certs, "all.pem")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(spoke); err != nil {
		t.Fatalf("nothing spoke, so nothing was tried; the login shell of %s has to be bash: %v", s.User, err)
	}
}
