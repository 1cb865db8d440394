package target_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var _ activities.Target = (*target.HAProxy)(nil)

func startHAProxy(t testing.TB, dir string, pair cert.Pair, more ...string) *targettest.HAProxy {
	t.Helper()
	h, err := targettest.StartHAProxy(targettest.NeedHAProxy(t), dir, pair, more...)
	must(t, err)
	t.Cleanup(func() { must(t, h.Stop()) })
	return h
}

// haproxyOptions fit a running server; by is "socket", "master" or both.
func haproxyOptions(h *targettest.HAProxy, by string) target.HAProxyOptions {
	o := target.HAProxyOptions{Files: target.Files{Directory: h.Directory}, Binary: h.Binary, Config: []string{filepath.Dir(h.Config)}}
	if strings.Contains(by, "socket") {
		o.Socket = h.Socket
	}
	if strings.Contains(by, "master") {
		o.Master = h.Master
	}
	return o
}

func newHAProxy(t testing.TB, o target.HAProxyOptions) *target.HAProxy {
	t.Helper()
	tgt, err := target.NewHAProxy("lb", o)
	must(t, err)
	return tgt
}

func readBundle(path string) func() (cert.Pair, error) {
	return func() (cert.Pair, error) { return readPair(path, path) }
}

func TestHAProxy(t *testing.T) {
	t.Parallel()
	binary := targettest.NeedHAProxy(t)
	for _, by := range []string{"socket", "master"} {
		t.Run(by, func(t *testing.T) {
			targettest.Run(t, targettest.Harness{
				Atomic: true,
				Open: func(dir string) (targettest.Target, error) {
					sockets, err := os.ReadFile(filepath.Join(dir, "sockets"))
					if err != nil {
						return nil, err
					}
					return target.NewHAProxy("lb", haproxyOptions(&targettest.HAProxy{
						Binary: binary, Config: filepath.Join(dir, "conf", "haproxy.cfg"), Directory: filepath.Join(dir, "certs"),
						Socket: filepath.Join(string(sockets), "admin.sock"), Master: filepath.Join(string(sockets), "master.sock"),
					}, by))
				},
				Before: map[string]func(testing.TB, string){"the pair it was started with": func(testing.TB, string) {}},
				Prepare: func(t testing.TB, dir string) targettest.Place {
					h := startHAProxy(t, dir, targettest.Fresh(t))
					must(t, os.WriteFile(filepath.Join(dir, "sockets"), []byte(filepath.Dir(h.Socket)), 0o600))
					return targettest.Place{
						Dirs: []string{h.Directory},
						Read: readBundle(h.Bundle()),
						BreakCheck: func(t testing.TB) string {
							must(t, h.Extra("zz.cfg", "neverlapse_was_here\n"))
							return "unknown keyword 'neverlapse_was_here'"
						},
						RepairCheck:  func(t testing.TB) { must(t, h.Extra("zz.cfg", "")) },
						BreakReload:  func(t testing.TB) { must(t, h.Kill()) },
						RepairReload: func(t testing.TB) { must(t, h.Start()) },
					}
				},
			})
		})
	}
}

// ask sends a command to HAProxy's socket as an operator would, who repeats it
// while the master replaces itself.
func ask(t testing.TB, socket, command string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		answer, err := askOnce(socket, command)
		if err == nil && answer != "" {
			return answer
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q: %q, %v", command, answer, err)
		}
	}
}

func askOnce(socket, command string) (string, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command); err != nil {
		return "", err
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func TestHAProxyTakesTheNewPairWithoutAReload(t *testing.T) {
	h := startHAProxy(t, t.TempDir(), targettest.Fresh(t))
	tgt := newHAProxy(t, haproxyOptions(h, "socket master"))
	was := ask(t, h.Master, "show proc\n")
	pair := targettest.Fresh(t)
	before := install(t, tgt, pair)
	serves(t, h.Addresses[0], targettest.FingerprintOf(pair))
	old, err := tgt.CapturedVersion(before)
	must(t, err)
	must(t, tgt.Restore(t.Context(), before))
	serves(t, h.Addresses[0], old.Fingerprint)
	workers := func(s string) string { return strings.Fields(strings.SplitAfter(s, "# workers\n")[1])[0] }
	if now := ask(t, h.Master, "show proc\n"); workers(now) != workers(was) || !strings.Contains(now, "0 [failed: 0]") {
		t.Errorf("HAProxy was reloaded:\n%s\n%s", was, now)
	}
}

func TestHAProxyIsReloadedByItsMasterWhereThereIsNoSocket(t *testing.T) {
	h := startHAProxy(t, t.TempDir(), targettest.Fresh(t))
	tgt := newHAProxy(t, haproxyOptions(h, "master"))
	pair := targettest.Fresh(t)
	install(t, tgt, pair)
	serves(t, h.Addresses[0], targettest.FingerprintOf(pair))
	if now := ask(t, h.Master, "show proc\n"); !strings.Contains(now, "1 [failed: 0]") {
		t.Errorf("HAProxy was not reloaded once:\n%s", now)
	}
}

// haproxy -c passes and the new process still cannot start: only the master tells.
func TestAFailedReloadOfHAProxyIsLookedUpAtItsMaster(t *testing.T) {
	h := startHAProxy(t, t.TempDir(), targettest.Fresh(t))
	old, err := targettest.Served(t.Context(), h.Addresses[0], "a.test")
	must(t, err)
	tgt := newHAProxy(t, haproxyOptions(h, "master"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	must(t, h.Extra("zz.cfg", fmt.Sprintf("frontend taken\n  mode http\n  timeout client 1s\n  bind %s\n", taken.Addr())))
	before, err := tgt.Capture(t.Context())
	must(t, err)
	err = tgt.Install(t.Context(), targettest.Fresh(t), before)
	if !fault.Is(err, fault.Proof) || !strings.Contains(err.Error(), "[failed: 1]") {
		t.Errorf("Install = %v, want what the master tells", err)
	}
	serves(t, h.Addresses[0], old)
	must(t, h.Extra("zz.cfg", ""))
	must(t, tgt.Restore(t.Context(), before))
	serves(t, h.Addresses[0], old)
}

// The file is new, the running process has the old pair, and nobody is there to go on.
func TestHAProxyAfterACrashBetweenFileAndProcess(t *testing.T) {
	h := startHAProxy(t, t.TempDir(), targettest.Fresh(t))
	tgt := newHAProxy(t, haproxyOptions(h, "socket"))
	before, err := tgt.Capture(t.Context())
	must(t, err)
	pair := targettest.Fresh(t)
	must(t, os.WriteFile(h.Bundle(), targettest.Bundle(pair), 0o600)) // as far as the first process came
	if _, err := tgt.Installed(t.Context()); !fault.Is(err, fault.Proof) || !strings.Contains(err.Error(), "the running HAProxy uses") {
		t.Errorf("Installed = %v, want that file and process differ", err)
	}
	must(t, tgt.Install(t.Context(), pair, before))
	serves(t, h.Addresses[0], targettest.FingerprintOf(pair))
	must(t, h.Kill())
	must(t, h.Start())
	serves(t, h.Addresses[0], targettest.FingerprintOf(pair))
}

func TestAnUploadThatSomebodyLeftOpenDoesNoHarm(t *testing.T) {
	dir := t.TempDir()
	foreign := targettest.Fresh(t)
	other := filepath.Join(dir, "other.pem")
	must(t, os.WriteFile(other, targettest.Bundle(foreign), 0o600))
	h := startHAProxy(t, dir, targettest.Fresh(t), other)
	tgt := newHAProxy(t, haproxyOptions(h, "socket"))
	for _, name := range []string{h.Bundle(), other} {
		left := targettest.Fresh(t)
		if said := ask(t, h.Socket, "set ssl cert "+name+" <<\n"+string(targettest.Bundle(left))+"\n"); !strings.Contains(said, "Transaction created") {
			t.Fatalf("leave an upload open: %s", said)
		}
		pair := targettest.Fresh(t)
		install(t, tgt, pair)
		serves(t, h.Addresses[0], targettest.FingerprintOf(pair))
		serves(t, h.Addresses[1], targettest.FingerprintOf(foreign))
		if said := ask(t, h.Socket, "show ssl cert\n"); strings.Contains(said, "# transaction") {
			t.Errorf("a transaction is still open: %s", said)
		}
	}
}

// What somebody else put there is restored; HAProxy must not take a part of it for commands.
func TestAHostileBundleInjectsNoCommand(t *testing.T) {
	h := startHAProxy(t, t.TempDir(), targettest.Fresh(t))
	tgt := newHAProxy(t, haproxyOptions(h, "socket"))
	pair := targettest.Fresh(t)
	hostile := string(pair.Key) + "\n\nset maxconn frontend fe 7\ndisable frontend fe; shutdown frontend fe\n\n# a note\n" + string(pair.Chain) + "\r\n\r\nshutdown frontend fe\n"
	must(t, os.WriteFile(h.Bundle(), []byte(hostile), 0o600))
	before := install(t, tgt, targettest.Fresh(t))
	must(t, tgt.Restore(t.Context(), before))
	data, err := os.ReadFile(h.Bundle())
	must(t, err)
	if string(data) != hostile {
		t.Error("what somebody put there did not come back byte for byte")
	}
	serves(t, h.Addresses[0], targettest.FingerprintOf(pair))
	if said := ask(t, h.Socket, "show stat\n"); !strings.Contains(said, "fe,FRONTEND,,") || strings.Contains(said, ",STOP,") || strings.Contains(said, ",7,") {
		t.Errorf("a command came through: %s", said)
	}
}

func TestAnUploadThatIsTooLargeNeedsTheMaster(t *testing.T) {
	h := startHAProxy(t, t.TempDir(), targettest.Fresh(t))
	pair := targettest.Fresh(t)
	for range 40 { // more than HAProxy's buffer
		pair.Chain = append(pair.Chain, targettest.Fresh(t).Chain...)
	}
	alone := newHAProxy(t, haproxyOptions(h, "socket"))
	before, err := alone.Capture(t.Context())
	must(t, err)
	if err := alone.Install(t.Context(), pair, before); !fault.Is(err, fault.Proof) || !strings.Contains(err.Error(), "tune.bufsize") || !strings.Contains(err.Error(), "set master") {
		t.Errorf("Install = %v, want that the buffer is too small", err)
	}
	must(t, newHAProxy(t, haproxyOptions(h, "socket master")).Install(t.Context(), pair, before))
	serves(t, h.Addresses[0], targettest.FingerprintOf(pair))
}

func TestAFileThatHAProxyDoesNotUseIsToldWithWhatItUses(t *testing.T) {
	dir := t.TempDir()
	h := startHAProxy(t, dir, targettest.Fresh(t))
	o := haproxyOptions(h, "socket")
	o.Files = target.Files{Combined: filepath.Join(dir, "unused.pem")}
	tgt := newHAProxy(t, o)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	err = tgt.Install(t.Context(), targettest.Fresh(t), before)
	for _, want := range []string{"it has not loaded " + filepath.Join(dir, "unused.pem"), h.Bundle(), "set master"} {
		if !fault.Is(err, fault.Proof) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("Install = %v, lacks %q", err, want)
		}
	}
}

func TestHAProxyGivesThePairToEveryNameOfTheFile(t *testing.T) {
	dir := t.TempDir()
	alias := filepath.Join(dir, "alias.pem")
	must(t, os.Symlink(filepath.Join(dir, "certs", "live", "bundle.pem"), alias))
	h := startHAProxy(t, dir, targettest.Fresh(t), alias)
	pair := targettest.Fresh(t)
	install(t, newHAProxy(t, haproxyOptions(h, "socket")), pair)
	for _, a := range h.Addresses {
		serves(t, a, targettest.FingerprintOf(pair))
	}
}

// Something else listens where the socket should be, or answers what it likes.
func TestAStrangeSocketIsBoundedAndEscaped(t *testing.T) {
	h := startHAProxy(t, t.TempDir(), targettest.Fresh(t))
	for name, answer := range map[string]func(net.Conn){
		"silent":   func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"hangs up": func(net.Conn) {},
		"endless": func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "# filename\n\x1b[31m/x\n"); err != nil {
					return
				}
			}
		},
		"rude": func(c net.Conn) { _, _ = io.WriteString(c, "Permission denied\x1b]0;owned\x07\n") },
	} {
		t.Run(name, func(t *testing.T) {
			o := haproxyOptions(h, "socket")
			o.Socket, o.Timeout = listenUnix(t, answer), time.Second
			tgt := newHAProxy(t, o)
			before, err := tgt.Capture(t.Context())
			must(t, err)
			err = tgt.Install(t.Context(), targettest.Fresh(t), before)
			if !fault.Is(err, fault.Proof) || strings.ContainsAny(err.Error(), "\x1b\x07") || len(err.Error()) > 64<<10 {
				t.Errorf("Install = %.300v, want a bounded fault.Proof without control characters", err)
			}
		})
	}
}

func listenUnix(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sock")
	must(t, err)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_, _ = bufio.NewReader(c).ReadString('\n')
				answer(c)
			})
		}
	})
	t.Cleanup(func() {
		must(t, l.Close())
		wg.Wait()
		must(t, os.RemoveAll(dir))
	})
	return l.Addr().String()
}

func TestHAProxyOptionsAreChecked(t *testing.T) {
	err := target.HAProxyOptions{Files: target.Files{Directory: "/etc/my certs"}, Binary: "no-such-haproxy", Config: []string{"haproxy.cfg"},
		Socket: "/run/" + strings.Repeat("s", 120), Master: "master.sock"}.Validate()
	for _, want := range []string{"binary:", "config[0]:", "socket: the path of a socket has at most 107 bytes", "master:", `combined: with socket, the path "/etc/my certs/live/bundle.pem"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, lacks %q", err, want)
		}
	}
	err = target.HAProxyOptions{Files: target.Files{Fullchain: "/a/f.pem", Key: "/a/k.pem"}, Binary: "ls"}.Validate()
	for _, want := range []string{"combined: HAProxy reads key and chain from one file", "socket: nothing tells"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, lacks %q", err, want)
		}
	}
	for _, f := range []target.Files{{Directory: "/etc/x"}, {Combined: "/etc/x.pem"}} {
		tgt := newHAProxy(t, target.HAProxyOptions{Files: f, Binary: "ls", Socket: "/run/h.sock"})
		if g := tgt.Guarantees(); !g.Atomic || !g.ReloadsWithoutDrop {
			t.Errorf("Guarantees of %+v = %+v", f, g)
		}
	}
}
