package target_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

const nobody = 65534

// asNobody runs f as the user nobody when we are root: the credentials of one
// thread change, and the thread ends with f.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		for _, call := range []uintptr{syscall.SYS_SETRESGID, syscall.SYS_SETRESUID} {
			if _, _, e := syscall.RawSyscall(call, nobody, nobody, nobody); e != 0 {
				t.Errorf("become nobody: %v", e)
				return
			}
		}
		f()
	}()
	<-done
}

// openDir is a directory that nobody can reach; it belongs to owner if we are root.
func openDir(t *testing.T, owner int) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	if os.Geteuid() == 0 {
		must(t, os.Chown(dir, owner, owner))
	}
	return dir
}

func TestWithoutTheRightToWriteWeSayWhoWeAreAndHowToMend(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to prepare what another user may not write")
	}
	notOurs := openDir(t, 0)
	ours := openDir(t, nobody)
	writePair(t, ours, 0o644) // root's files in a directory of nobody
	asNobody(t, func() {
		for dir, wants := range map[string][]string{
			notOurs: {"cannot write", notOurs, "uid 65534 (nobody)", "give that user write permission"},
			ours:    {"its owner cannot be set to 0:0 as uid 65534 (nobody)", "run as root"},
		} {
			tgt, err := target.NewFile("web", plainIn(dir))
			if err == nil {
				err = tgt.Preflight(t.Context())
			}
			for _, want := range wants {
				if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("Preflight = %v, lacks %q", err, want)
				}
			}
		}
	})
}

func TestNginxWorksUnprivileged(t *testing.T) {
	binary := targettest.NeedNginx(t)
	dir := openDir(t, nobody)
	asNobody(t, func() {
		n, err := targettest.StartNginx(dir, targettest.NginxOptions{Binary: binary})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() {
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		}()
		tgt, err := target.NewNginx("web", nginxOptions(binary, dir, target.Files{Directory: n.Directory(0)}))
		if err != nil {
			t.Error(err)
			return
		}
		pair := targettest.Fresh(t)
		before, err := tgt.Capture(t.Context())
		if err == nil {
			err = tgt.Preflight(t.Context())
		}
		if err == nil {
			err = tgt.Install(t.Context(), pair, before)
		}
		if err == nil {
			err = awaitServed(t.Context(), n, 0, targettest.FingerprintOf(pair))
		}
		if err == nil {
			err = tgt.Restore(t.Context(), before)
		}
		if err != nil {
			t.Error(err)
		}
	})
}
