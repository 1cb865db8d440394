package target_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net"
	"os"
	"os/exec"
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

var _ activities.Target = (*target.Apache)(nil)

// apacheOptions fit a server that targettest.StartApache started in dir.
func apacheOptions(binary, dir string) target.ApacheOptions {
	return target.ApacheOptions{
		Files: target.Files{Directory: filepath.Join(dir, "certs")}, Binary: binary,
		Config: filepath.Join(dir, "conf", "httpd.conf"), ServerRoot: dir,
	}
}

func startApache(t testing.TB, dir string, pair cert.Pair) *targettest.Apache {
	t.Helper()
	a, err := targettest.StartApache(targettest.NeedApache(t), dir, pair)
	must(t, err)
	t.Cleanup(func() { must(t, a.Stop()) })
	return a
}

func readLive(dir string) func() (cert.Pair, error) {
	live := filepath.Join(dir, "certs", "live")
	return func() (cert.Pair, error) {
		return readPair(filepath.Join(live, "fullchain.pem"), filepath.Join(live, "privkey.pem"))
	}
}

func TestApache(t *testing.T) {
	t.Parallel()
	binary := targettest.NeedApache(t)
	targettest.Run(t, targettest.Harness{
		Atomic: true,
		Open: func(dir string) (targettest.Target, error) {
			return target.NewApache("web", apacheOptions(binary, dir))
		},
		Before: map[string]func(testing.TB, string){"the pair it was started with": func(testing.TB, string) {}},
		Prepare: func(t testing.TB, dir string) targettest.Place {
			a := startApache(t, dir, targettest.Fresh(t))
			var taken net.Listener
			return targettest.Place{
				Dirs: []string{a.Directory},
				Read: readLive(dir),
				BreakCheck: func(t testing.TB) string {
					must(t, a.Extra("broken.conf", "NeverlapseWasHere on\n"))
					return "Invalid command 'NeverlapseWasHere', perhaps misspelled"
				},
				RepairCheck: func(t testing.TB) { must(t, a.Extra("broken.conf", "")) },
				// It is dead, and cannot be started either: somebody has its port.
				BreakReload: func(t testing.TB) {
					must(t, a.Kill())
					var err error
					taken, err = net.Listen("tcp", a.Addresses[0])
					must(t, err)
				},
				RepairReload: func(t testing.TB) {
					must(t, taken.Close())
					must(t, a.Start())
				},
			}
		},
	})
}

// apacheRunning is a running Apache and the target for it.
func apacheRunning(t *testing.T) (*targettest.Apache, *target.Apache, cert.Fingerprint) {
	t.Helper()
	dir, old := t.TempDir(), targettest.Fresh(t)
	a := startApache(t, dir, old)
	tgt, err := target.NewApache("web", apacheOptions(a.Binary, dir))
	must(t, err)
	serves(t, a.Addresses[0], targettest.FingerprintOf(old))
	return a, tgt, targettest.FingerprintOf(old)
}

// serves waits until an address serves a version on every one of several fresh
// connections: a reload lets old workers finish.
func serves(t testing.TB, address string, want cert.Fingerprint) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for seen := 0; seen < 5; seen++ {
		got, err := targettest.Served(t.Context(), address, "a.test")
		if err != nil || got != want {
			seen = -1
			if time.Now().After(deadline) {
				t.Fatalf("%s serves %s, %v; want %s", address, got.Short(), err, want.Short())
			}
		}
	}
}

func TestApacheServesTheNewPairAndTheOldOneAgain(t *testing.T) {
	a, tgt, old := apacheRunning(t)
	pair := targettest.Fresh(t)
	before := install(t, tgt, pair)
	serves(t, a.Addresses[0], targettest.FingerprintOf(pair))
	must(t, tgt.Restore(t.Context(), before))
	serves(t, a.Addresses[0], old)
}

func TestApacheIsNotTouchedByAKeyOfAnotherCertificate(t *testing.T) {
	a, tgt, old := apacheRunning(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	tree, pid := targettest.Tree(t, a.Directory), a.RunningPID()
	stat, err := os.Stat(a.PIDFile)
	must(t, err)
	err = tgt.Install(t.Context(), cert.Pair{Chain: targettest.Fresh(t).Chain, Key: targettest.Fresh(t).Key}, before)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "does not belong to the certificate") {
		t.Errorf("Install = %v, want our own refusal", err)
	}
	now, err := os.Stat(a.PIDFile)
	must(t, err)
	if targettest.Tree(t, a.Directory) != tree || a.RunningPID() != pid || !os.SameFile(stat, now) {
		t.Error("Apache or its files were touched")
	}
	serves(t, a.Addresses[0], old)
}

// Past our own check Apache gets a key of another certificate: its check says
// "Syntax OK", and the reload ends it.
func TestApacheThatDiesOfAWrongKeyIsBroughtBackOnThePreviousVersion(t *testing.T) {
	a, tgt, old := apacheRunning(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	tree, pid := targettest.Tree(t, a.Directory), a.RunningPID()
	err = tgt.InstallUnchecked(t.Context(), targettest.Fresh(t), targettest.Fresh(t), before)
	for _, want := range []string{"it ended when it was reloaded", "passed its own check", "AH02565", "the old files are back and it was started again"} {
		if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("Install = %v, lacks %q", err, want)
		}
	}
	if now := a.RunningPID(); now == pid || now == 0 {
		t.Errorf("process %d runs; it was %d, and should have died", now, pid)
	}
	if got := targettest.Tree(t, a.Directory); got != tree {
		t.Errorf("the old bytes are not back:\n%s\n%s", tree, got)
	}
	serves(t, a.Addresses[0], old)
	pair := targettest.Fresh(t)
	install(t, tgt, pair)
	serves(t, a.Addresses[0], targettest.FingerprintOf(pair))
}

func TestApacheThatDiesOfAWeakKeyIsBroughtBackOnThePreviousVersion(t *testing.T) {
	a, tgt, old := apacheRunning(t)
	ca, err := targettest.NewCA()
	must(t, err)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	pair, err := ca.IssueFor(weak, targettest.Names, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	must(t, err)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	if err := tgt.Install(t.Context(), pair, before); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "key too small") {
		t.Errorf("Install = %v, want Apache's own words about the weak key", err)
	}
	serves(t, a.Addresses[0], old)
}

// The worker died after the reload and before it saw that Apache had ended: the
// next process finds it dead, and rolling back starts it.
func TestApacheThatDiedUnseenIsStartedByRollingBack(t *testing.T) {
	a, tgt, old := apacheRunning(t)
	pair := targettest.Fresh(t)
	before := install(t, tgt, pair)
	must(t, a.Kill())
	if err := tgt.Install(t.Context(), pair, before); !fault.Is(err, fault.Proof) || !strings.Contains(err.Error(), "names no living process; start Apache") {
		t.Errorf("Install = %v, want fault.Proof that it does not run", err)
	}
	must(t, tgt.Restore(t.Context(), before))
	serves(t, a.Addresses[0], old)
}

func TestApacheThatWasDownIsNotStarted(t *testing.T) {
	a, tgt, _ := apacheRunning(t)
	must(t, a.Stop())
	before, err := tgt.Capture(t.Context())
	must(t, err)
	for _, err := range []error{tgt.Install(t.Context(), targettest.Fresh(t), before), tgt.Restore(t.Context(), before)} {
		if !fault.Is(err, fault.Proof) || !strings.Contains(err.Error(), "is the server running?") {
			t.Errorf("with Apache stopped on purpose: %v, want fault.Proof", err)
		}
	}
	if pid := a.RunningPID(); pid != 0 {
		t.Errorf("process %d was started; somebody had stopped Apache", pid)
	}
}

func TestApacheThatHangsIsSaidAsSuch(t *testing.T) {
	dir := t.TempDir()
	a := startApache(t, dir, targettest.Fresh(t))
	o := apacheOptions(a.Binary, dir)
	o.Timeout = time.Second
	tgt, err := target.NewApache("web", o)
	must(t, err)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, a.Signal(syscall.SIGSTOP))
	if err := tgt.Install(t.Context(), targettest.Fresh(t), before); !fault.Is(err, fault.Proof) || !strings.Contains(err.Error(), "was told to reload and did not") {
		t.Errorf("Install = %v, want that it hangs", err)
	}
}

func TestApacheWithoutConfigLocksTheBuiltInOne(t *testing.T) {
	binary := targettest.NeedApache(t)
	etc, err := os.Open("/etc/apache2")
	if err != nil {
		t.Skipf("this Apache has its configuration elsewhere: %v", err)
	}
	defer etc.Close()
	tgt, err := target.NewApache("web", target.ApacheOptions{Binary: binary, Files: target.Files{Directory: t.TempDir()}})
	must(t, err)
	_, err = tgt.Capture(t.Context())
	must(t, err)
	must(t, syscall.Flock(int(etc.Fd()), syscall.LOCK_EX))
	locked, err := os.Open("/etc/apache2")
	must(t, err)
	defer locked.Close()
	if err := syscall.Flock(int(locked.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		t.Error("the lock of this test does not hold")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := tgt.Capture(ctx); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "holds the lock on /etc/apache2") {
		t.Errorf("Capture while another process holds the lock = %v", err)
	}
}

// Where nobody reaps, a dead server stays in the table of processes and takes signals.
func TestAZombieIsNotAlive(t *testing.T) {
	cmd := exec.Command("true")
	must(t, cmd.Start())
	pidFile := filepath.Join(t.TempDir(), "pid")
	must(t, os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n", cmd.Process.Pid), 0o600))
	deadline := time.Now().Add(time.Minute)
	for target.Alive(pidFile) {
		if time.Now().After(deadline) {
			t.Fatal("a zombie counts as alive")
		}
		time.Sleep(time.Millisecond)
	}
	must(t, syscall.Kill(cmd.Process.Pid, 0))
	must(t, cmd.Wait())
	must(t, os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600))
	if !target.Alive(pidFile) {
		t.Error("we are not alive")
	}
}

func TestApacheOptionsAreChecked(t *testing.T) {
	err := target.ApacheOptions{Files: target.Files{Directory: "/etc/ssl/x"}, Binary: "no-such-apache", Config: "httpd.conf", ServerRoot: "a",
		Define: []string{"-k stop", "a\nb"}, Start: []string{"systemctl start apache2"}}.Validate()
	for _, want := range []string{"binary:", "config:", "server_root:", `define[0]: "-k stop" is not a name`, "define[1]:", "start:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, lacks %q", err, want)
		}
	}
	tgt, err := target.NewApache("web", target.ApacheOptions{Binary: "ls", Files: target.Files{Fullchain: "/etc/ssl/x.pem", Key: "/etc/ssl/x.key"}})
	must(t, err)
	if g := tgt.Guarantees(); g.Atomic || !g.ReloadsWithoutDrop {
		t.Errorf("Guarantees = %+v", g)
	}
}
