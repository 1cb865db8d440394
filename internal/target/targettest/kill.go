package targettest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// childEnv names the directory from which a process that is going to be killed
// reads what to install and where.
const childEnv = "NEVERLAPSE_TARGETTEST_CHILD"

// killRounds is over how many changes the kills are spread, and how many there are.
const killRounds = 16

func testKill(t *testing.T, h Harness) {
	s := setUp(t, h)
	empty := s.capture(t)
	snapshot := s.state(t)
	s.install(t, s.a, empty)
	before := s.capture(t)
	orders := writeOrders(t, s, before)
	rounds := killRounds
	if h.Kills > 0 {
		rounds = h.Kills
	}
	if testing.Short() {
		rounds = 4
	}
	for round := range rounds {
		i := round * killRounds / rounds
		killAfter(t, orders, s.Place, 1+i)
		if h.Atomic {
			got := FingerprintOf(s.read(t))
			if got != FingerprintOf(s.a) && got != FingerprintOf(s.b) {
				t.Fatalf("killed after %d changes: %s is there, neither the old nor the new pair", 1+i, got.Short())
			}
		}
		s.install(t, s.b, before)
		if tree := s.state(t); strings.Contains(tree, ".neverlapse-") {
			t.Fatalf("killed after %d changes: the rerun left something behind\n%s", 1+i, tree)
		}
	}
	if err := s.Restore(t.Context(), empty); err != nil {
		t.Fatalf("Restore: %v", err)
	}
	sameTree(t, "after all the kills the first capture does not come back", snapshot, s.state(t))
}

// writeOrders leaves for the child what to install.
func writeOrders(t *testing.T, s scene, before []byte) string {
	t.Helper()
	orders := t.TempDir()
	for name, data := range map[string][]byte{
		"dir": []byte(s.dir), "before": before,
		"a.chain": s.a.Chain, "a.key": s.a.Key, "b.chain": s.b.Chain, "b.key": s.b.Key,
	} {
		if err := os.WriteFile(filepath.Join(orders, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return orders
}

// installForEver is the life of the child: it ends by being killed, or when its
// parent has gone.
func installForEver(h Harness, orders string) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(3)
	}
	files := map[string][]byte{}
	for _, name := range []string{"dir", "before", "a.chain", "a.key", "b.chain", "b.key"} {
		data, err := os.ReadFile(filepath.Join(orders, name))
		if err != nil {
			fail(err)
		}
		files[name] = data
	}
	target, err := h.Open(string(files["dir"]))
	if err != nil {
		fail(err)
	}
	ctx, before := context.Background(), files["before"]
	for {
		for _, p := range []string{"b", "a", "b"} {
			pair := cert.Pair{Chain: files[p+".chain"], Key: files[p+".key"]}
			if err := target.Install(ctx, pair, before); err != nil {
				fail(err)
			}
		}
		if err := target.Restore(ctx, before); err != nil {
			fail(err)
		}
	}
}

// killAfter starts this test again as a child that installs and restores, and kills it with
// SIGKILL as soon as the place has changed n times.
func killAfter(t *testing.T, orders string, place Place, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run="+onlyThis(t), "-test.count=1", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), childEnv+"="+orders)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	last := place.glimpse(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for changes := 0; changes < n; {
		select {
		case err := <-ended:
			t.Fatalf("the child ended before it was killed: %v\n%s", err, stderr.String())
		default:
		}
		if now := place.glimpse(t); now != last {
			last = now
			changes++
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// onlyThis is the pattern that runs the test which called Run, and no other.
func onlyThis(t *testing.T) string {
	parts := strings.Split(t.Name(), "/")
	parts = parts[:len(parts)-1]
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// glimpse is a cheap look that differs after every write, rename or removal.
func glimpse(dirs []string) string {
	var b strings.Builder
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // a name that has just gone is a difference by itself
			}
			if info, err := d.Info(); err == nil {
				st := info.Sys().(*syscall.Stat_t)
				fmt.Fprintf(&b, "%s %d %d %s\n", path, st.Ino, st.Size, info.Mode())
			}
			return nil
		})
	}
	return b.String()
}
