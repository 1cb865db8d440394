package target_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// smallDisk is a file system of 256 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func TestAFullOrReadOnlyDiskHarmsNothingAndRecovers(t *testing.T) {
	for name, files := range map[string]func(dir string) target.Files{
		"directory": func(dir string) target.Files { return target.Files{Directory: dir} },
		"files":     func(dir string) target.Files { return plainIn(dir).Files },
	} {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t)
			tgt := newFile(t, target.FileOptions{Files: files(dir)})
			install(t, tgt, targettest.Fresh(t))
			before, err := tgt.Capture(t.Context())
			must(t, err)
			pair := targettest.Fresh(t)
			refuses := func(want string) {
				t.Helper()
				was := targettest.Tree(t, dir)
				if err := tgt.Install(t.Context(), pair, before); !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("Install = %v, want %q", err, want)
				}
				if got := targettest.Tree(t, dir); got != was {
					t.Errorf("something changed:\n%s\n%s", was, got)
				}
			}
			filler := filepath.Join(dir, "filler")
			if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err == nil {
				t.Fatal("the disk is not full")
			}
			refuses("no space left")
			must(t, os.Remove(filler))
			must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			refuses("read-only file system")
			must(t, unix.Mount("", dir, "", unix.MS_REMOUNT, ""))
			must(t, tgt.Install(t.Context(), pair, before))
			if v, err := tgt.Installed(t.Context()); err != nil || v.Fingerprint != targettest.FingerprintOf(pair) {
				t.Errorf("Installed = %s, %v", v.Fingerprint.Short(), err)
			}
		})
	}
}
