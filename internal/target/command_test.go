package target_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// attempt installs a pair into a fresh directory with the given check.
func attempt(t *testing.T, dir string, timeout time.Duration, check ...string) (cert.Pair, error) {
	t.Helper()
	tgt, err := target.NewFile("web", target.FileOptions{Files: target.Files{Directory: dir, Timeout: timeout}, Check: check})
	must(t, err)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	pair := targettest.Fresh(t)
	return pair, tgt.Install(t.Context(), pair, before)
}

func TestACommandThatHangsIsKilledWithItsChildren(t *testing.T) {
	dir := t.TempDir()
	began := time.Now()
	_, err := attempt(t, dir, 2*time.Second, "sh", "-c", "echo $$ > "+dir+"/group; yes & yes > /dev/null & sleep 1000")
	if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), "killed with its children after 2s") {
		t.Errorf("Install = %v", err)
	}
	// Two runs, each at most the timeout and the grace for the pipe.
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	data, err := os.ReadFile(filepath.Join(dir, "group"))
	must(t, err)
	group, err := strconv.Atoi(strings.TrimSpace(string(data)))
	must(t, err)
	deadline := time.Now().Add(20 * time.Second)
	for alive(t, group) {
		if time.Now().After(deadline) {
			t.Fatal("children of the killed command still run")
		}
	}
}

// alive tells whether a process of the group runs; zombies do not.
func alive(t *testing.T, group int) bool {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	must(t, err)
	if len(stats) == 0 {
		t.Skip("no /proc to look at")
	}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // gone since it was listed
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest) // state, parent, group, ...
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" {
			return true
		}
	}
	return false
}

func TestACommandThatLeavesAChildWithItsPipeIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	if _, err := attempt(t, dir, 25*time.Second, "sh", "-c", "sleep 1000 & echo $! > "+dir+"/pid"); err != nil {
		t.Errorf("Install = %v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "pid"))
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	must(t, err)
	must(t, syscall.Kill(pid, syscall.SIGKILL))
}

func TestOneGigabyteOfOutputIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	tgt := newFile(t, target.FileOptions{
		Files: target.Files{Directory: t.TempDir(), Timeout: 5 * time.Minute},
		Check: []string{"sh", "-c", "echo first; head -c 1000000000 /dev/zero; echo last; exit 7"},
	})
	runtime.ReadMemStats(&before)
	err := tgt.Preflight(t.Context())
	runtime.ReadMemStats(&after)
	text := fmt.Sprint(err)
	for _, want := range []string{"exit status 7", "first", `\x00`, "bytes left out", "last"} {
		if !strings.Contains(text, want) {
			t.Errorf("the error lacks %q: %.300s ... %s", want, text, text[max(0, len(text)-100):])
		}
	}
	if len(text) > 20<<10 {
		t.Errorf("an error of %d bytes", len(text))
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}

func TestOutputIsKeptVerbatimButForControlCharacters(t *testing.T) {
	_, err := attempt(t, t.TempDir(), time.Minute, "printf", `\033[31mnginx: [emerg] "%s"\a 인증서\377\n\tnext`, "x")
	if err != nil {
		t.Fatalf("printf does not fail: %v", err)
	}
	_, err = attempt(t, t.TempDir(), time.Minute, "sh", "-c", `printf '\033[31mnginx: [emerg] "x"\a 인증서\377\n\tnext'; exit 1`)
	if want := `\x1b[31mnginx: [emerg] "x"\x07 인증서\xff` + "\n\tnext"; !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("error %v lacks %q", err, want)
	}
}

func TestAPrintedKeyIsRemoved(t *testing.T) {
	dir := t.TempDir()
	pair, err := attempt(t, dir, time.Minute, "sh", "-c", "echo the words; cat "+dir+"/live/*.pem; exit 1")
	text := fmt.Sprint(err)
	if !strings.Contains(text, "the words") || !strings.Contains(text, "[private key removed]") {
		t.Errorf("error = %s", text)
	}
	for _, line := range keyLines(pair) {
		if strings.Contains(text, line) {
			t.Errorf("the error holds a line of the key")
		}
	}
}

// keyLines are the lines of a key's PEM that nobody else may see.
func keyLines(pair cert.Pair) []string {
	var out []string
	for line := range strings.Lines(string(pair.Key)) {
		if !strings.HasPrefix(line, "-----") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func TestCommandsInheritNothingAndSeeNoKey(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-of-the-environment")
	dir := t.TempDir()
	pair, err := attempt(t, dir, time.Minute, "cp", "/proc/self/environ", "/proc/self/cmdline", "/proc/self/stat", dir)
	must(t, err)
	environ, err := os.ReadFile(filepath.Join(dir, "environ"))
	must(t, err)
	got := strings.Split(strings.Trim(string(environ), "\x00"), "\x00")
	slices.Sort(got)
	want := []string{"HOME=/", "LANG=C", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if !slices.Equal(got, want) {
		t.Errorf("environment = %q, want %q", got, want)
	}
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	must(t, err)
	for _, line := range keyLines(pair) {
		if bytes.Contains(environ, []byte(line)) || bytes.Contains(cmdline, []byte(line)) {
			t.Error("a line of the key is in the environment or the arguments")
		}
	}
}

func TestArgumentsAreNeverRunByAShell(t *testing.T) {
	dir := t.TempDir()
	canary := filepath.Join(dir, "canary")
	for _, arg := range []string{"a.com;touch " + canary, "$(touch " + canary + ")", "`touch " + canary + "`", "x\ntouch " + canary, "|| touch " + canary} {
		if _, err := attempt(t, dir, time.Minute, "ls", "--", arg); !fault.Is(err, fault.Configuration) {
			t.Errorf("ls of %q = %v", arg, err)
		}
		if _, err := os.Stat(canary); err == nil {
			t.Fatalf("%q was run by a shell", arg)
		}
	}
}

// withCancelOnce gives a context that ends when a file is there.
func withCancelOnce(t *testing.T, started string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(started); err == nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return ctx, cancel
}

func TestACallerThatGivesUpDuringTheCheckLeavesTheOldBytes(t *testing.T) {
	dir, started := t.TempDir(), filepath.Join(t.TempDir(), "started")
	tgt := newFile(t, target.FileOptions{
		Files: target.Files{Directory: dir, Timeout: 5 * time.Minute},
		Check: []string{"sh", "-c", "touch " + started + "; sleep 1000"},
	})
	writePair(t, filepath.Join(dir, "live"), 0o600)
	was := targettest.Tree(t, dir)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	ctx, cancel := withCancelOnce(t, started)
	defer cancel()
	if err := tgt.Install(ctx, targettest.Fresh(t), before); !errors.Is(err, context.Canceled) || !fault.Is(err, fault.Transient) {
		t.Errorf("Install = %v, want a transient context.Canceled", err)
	}
	if got := targettest.Tree(t, dir); got != was {
		t.Errorf("the old bytes are not back:\n%s\n%s", was, got)
	}
}

// The check fails if another install is between its own check and reload.
func TestInstallsInOneDirectoryAreSerialised(t *testing.T) {
	dir := t.TempDir()
	busy := filepath.Join(t.TempDir(), "busy")
	results := make(chan error)
	const installs = 8
	for i := range installs {
		tgt, err := target.NewFile("web", target.FileOptions{
			Files: target.Files{Combined: filepath.Join(dir, fmt.Sprintf("%d.pem", i))},
			Check: []string{"mkdir", busy}, Reload: []string{"rmdir", busy},
		})
		must(t, err)
		before, err := tgt.Capture(t.Context())
		must(t, err)
		pair := targettest.Fresh(t)
		go func() { results <- tgt.Install(t.Context(), pair, before) }()
	}
	for range installs {
		if err := <-results; err != nil {
			t.Errorf("two installs overlapped: %v", err)
		}
	}
}
