// Package stage runs the demo as a visitor does: the program itself, its page in
// a real browser, every button of it.
package stage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/test/harness"
)

var programs string // folder with worker, CLI and demo

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv("NEVERLAPSE_ENGINE") == "" {
		fmt.Println("SKIPPED: test/e2e/stage: NEVERLAPSE_ENGINE is not set; run make test, or build the engine by test/servers/build-engine.sh")
		return 0
	}
	dir, err := os.MkdirTemp("", "neverlapse-stage-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	programs = dir
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	root, err := harness.Root()
	if err == nil {
		_, err = harness.Build(ctx, root, dir)
	}
	if err == nil {
		build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "demo"), "./test/demo")
		build.Dir = root
		var out []byte
		if out, err = build.CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return m.Run()
}

// demo is the program while it runs.
type demo struct {
	t         *testing.T
	url       string // of its page
	cmd       *exec.Cmd
	temporary string

	mu   sync.Mutex
	said strings.Builder
}

var pageURL = regexp.MustCompile(`^The stage: (http://127\.0\.0\.1:\d+/)`)

// start starts the demo; the test's end stops it as Ctrl-C does.
func start(t *testing.T, args ...string) *demo {
	t.Helper()
	d := &demo{t: t, temporary: t.TempDir()}
	d.cmd = exec.Command(filepath.Join(programs, "demo"), append([]string{"--bin", programs}, args...)...)
	d.cmd.Env = append(os.Environ(), "TMPDIR="+d.temporary)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, in := io.Pipe()
	d.cmd.Stdout, d.cmd.Stderr = in, in
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			d.mu.Lock()
			d.said.WriteString(s.Text() + "\n")
			d.mu.Unlock()
			if m := pageURL.FindStringSubmatch(s.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		d.interrupt()
		if t.Failed() {
			t.Logf("the demo said:\n%s", d.output())
		}
	})
	select {
	case d.url = <-found:
	case <-time.After(time.Minute):
		t.Fatalf("no page is announced:\n%s", d.output())
	}
	return d
}

func (d *demo) output() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.String()
}

// interrupt ends the demo by Ctrl-C and sees that nothing is left behind.
func (d *demo) interrupt() {
	d.t.Helper()
	if d.cmd.ProcessState != nil {
		return
	}
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		d.t.Errorf("Ctrl-C: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			d.t.Errorf("it ended by %v", err)
		}
	case <-time.After(2 * time.Minute):
		d.t.Error("it does not end")
		_ = d.cmd.Process.Kill()
	}
	if left, err := os.ReadDir(d.temporary); err != nil || len(left) > 0 {
		d.t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := http.Get(d.url); err == nil { //nolint:bodyclose // there is none
		d.t.Error("the page still answers")
	}
}

// patience bounds what is waited for on a slow, busy machine.
const patience = 3 * time.Minute

// until waits for the demo, or a page, to come to something.
func (d *demo) until(what string, cond func() bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	if err := harness.WaitFor(ctx, what, func() (bool, error) { return cond(), nil }); err != nil {
		d.t.Fatal(err)
	}
}

func (d *demo) says(text string) {
	d.t.Helper()
	d.until(fmt.Sprintf("the demo to say %q", text), func() bool { return strings.Contains(d.output(), text) })
}
