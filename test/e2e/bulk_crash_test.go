package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// enrollUntil runs the CLI over a file until it has told of so many enrolled
// rows, and sends it a signal then. It gives the exit code and what it said.
func (w *world) enrollUntil(n int, sig os.Signal, file string) (int, string) {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	cmd := exec.CommandContext(ctx, w.Binaries.CLI, "--config", w.Config, "enroll", "--file", file)
	cmd.Env = append(os.Environ(), "NEVERLAPSE_USER=tester", "NEVERLAPSE_TIMEOUT=1m")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), " enrolled ") {
			if n--; n == 0 {
				_ = cmd.Process.Signal(sig)
			}
		}
	}
	_ = cmd.Wait()
	if n > 0 {
		w.t.Fatalf("it ended before it was stopped: %s", said.String())
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// The CLI is killed, the worker is killed, the CLI is interrupted, and the
// worker dies again in the instant in which Slack has taken a summary. Not beside
// others: it takes all that the engine can give.
func TestAnImportThatIsCutShortTellsEachOwnerOnce(t *testing.T) {
	proxy, err := harness.NewProxy(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	all := make([]resident, 180) // more than are under way at once, twice
	for i := range all {
		all[i] = resident{owner: []string{"minji", "jun", "hana"}[i%3], left: 6 * aDay}
	}
	file := write(t, all, nil, 1)
	w := prepare(t, harness.Options{NoNginx: true, Engine: proxy.Address, Upstream: server.Address()})
	killed := make(chan struct{})
	var once sync.Once
	proxy.OnActivity(func(m harness.Moment, name string) (err error) {
		if m == harness.After && name == "Deliver" {
			once.Do(func() {
				w.Worker.Kill()
				close(killed)
				err = harness.ErrDropped
			})
		}
		return err
	})
	w.start()
	w.enrollUntil(10, syscall.SIGKILL, file)
	w.Worker.Kill()
	w.start()
	if code, said := w.enrollUntil(10, syscall.SIGINT, file); code != 1 || !strings.Contains(said, "what is enrolled stays; run it again to complete") {
		t.Errorf("exit code %d: %s", code, said)
	}
	w.results(0, "--file", file)
	select {
	case <-killed:
	case <-time.After(4 * time.Minute):
		t.Fatal("no summary was sent")
	}
	w.start()
	want := 3
	w.eventually("a summary for each owner", func() bool { return len(w.summaries()) == want })
	for _, name := range []string{"h0001.test", "h0092.test", "h0180.test"} {
		w.until(name, "to hear of the summary", func(s workflows.Status) bool {
			a := open(s, "expiring")
			return a != nil && a.Told == 1 && a.Held == ""
		})
	}
	for to, n := range w.summaries() {
		if n != 1 {
			t.Errorf("%s got %d summaries", to, n)
		}
	}
	if got := w.alone(); len(got) > 0 {
		t.Errorf("told by themselves: %v", got)
	}
	if out := w.results(0, "--file", file); count(out, "unchanged") != len(all) {
		t.Errorf("%d of %d unchanged", count(out, "unchanged"), len(all))
	}
}
