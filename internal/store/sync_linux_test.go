package store_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// A forgotten sync costs nothing until the power fails, so this test reads the
// system calls of a child: what is written is synced before it is renamed, and
// every rename and append is synced before the child does anything else.
func TestEveryWriteIsSyncedBeforeItCounts(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED, strace is not installed")
	}
	log := filepath.Join(t.TempDir(), "calls")
	cmd := exec.CommandContext(t.Context(), strace, "-f", "-o", log, "-e", "trace=write,renameat,renameat2,fsync", os.Args[0])
	cmd.Env = append(os.Environ(), childMode+"=crowd", childDir+"="+newDir(t), childNumber+"=1")
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("ptrace")) {
		t.Skipf("SKIPPED, this machine lets nobody trace: %s", out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	calls, err := os.ReadFile(log)
	must(t, err)
	// Writes of eight bytes are the Go scheduler's, those to 1 and 2 the child's report.
	call := regexp.MustCompile(`^\d+ +(renameat2?|fsync|write)\((\d+)(?:, .*, (\d+)[) ])?`)
	renames, unsynced := 0, ""
	for line := range bytes.Lines(calls) {
		m := call.FindSubmatch(line)
		if m == nil {
			continue
		}
		switch what, fd := string(m[1]), string(m[2]); {
		case what == "fsync":
			unsynced = ""
		case what == "write" && fd != "1" && fd != "2" && string(m[3]) != "8",
			what == "write" && fd == "1" && unsynced != "",
			what != "write":
			if unsynced != "" {
				t.Errorf("not synced: %sbefore: %s", unsynced, line)
			}
			unsynced = string(line)
			if what != "write" {
				renames++
			}
		}
	}
	if unsynced != "" {
		t.Errorf("never synced: %s", unsynced)
	}
	if renames < crowdWrites {
		t.Errorf("only %d renames were seen:\n%s", renames, calls)
	}
}
