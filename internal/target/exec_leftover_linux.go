package target

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// leftoverWait is how long killed programs may take to be gone.
const leftoverWait = 10 * time.Second

// endPrograms kills what still runs of a run whose worker died: programs that
// have its folder in their environment. One that made a session of its own, as
// servers do that go into the background, is none of them.
func endPrograms(dir string) error {
	deadline := time.Now().Add(leftoverWait)
	for {
		groups, err := groupsOf(dir)
		if err != nil || len(groups) == 0 {
			return err
		}
		for _, g := range groups {
			if err := syscall.Kill(-g, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end the programs of a run that was cut short (process group %d): %w", g, err)
			}
		}
		if time.Now().After(deadline) {
			return fault.New(fault.Unavailable, "programs of a run that was cut short do not end (process groups %v)", groups)
		}
		time.Sleep(lockPoll)
	}
}

// groupsOf are the process groups of the living programs that were given a folder.
func groupsOf(dir string) ([]int, error) {
	found, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var out []int
	given := []byte("NEVERLAPSE_DIR=" + dir)
	for _, p := range found {
		environ, err := os.ReadFile(p + "/environ")
		if err != nil {
			continue // of another user, or gone
		}
		for v := range bytes.SplitSeq(environ, []byte{0}) {
			if g := groupOf(p); bytes.Equal(v, given) && g > 1 {
				out = append(out, g)
			}
		}
	}
	return out, nil
}

// groupOf is the group of a process; 0 if it is dead or the session is its own.
func groupOf(proc string) int {
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // state, parent, group, session
	if len(f) < 4 || f[0] == "Z" || f[0] == "X" || f[2] == f[3] {
		return 0
	}
	g, err := strconv.Atoi(f[2])
	if err != nil {
		return 0
	}
	return g
}
