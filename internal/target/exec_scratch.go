package target

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// scratch is the private folder of one run: only we may enter it, and it is gone
// when the run is over. While we live we hold the kernel's lock on it; one that
// nobody holds was left behind by a worker that died, and is swept away.
type scratch struct {
	dir  string
	held *os.File
}

const (
	captureName = "capture"
	tempName    = "tmp"
)

// scratchRoot is the folder of all runs of this user.
func (o ExecOptions) scratchRoot() string {
	dir := o.Scratch
	if dir == "" {
		dir = os.TempDir()
		if info, err := os.Stat(sharedMemory); err == nil && info.IsDir() {
			dir = sharedMemory
		}
	}
	return filepath.Join(dir, "neverlapse-exec-"+strconv.Itoa(os.Geteuid()))
}

// sharedMemory is a file system that never reaches a disk, on Linux.
const sharedMemory = "/dev/shm"

// openScratch sweeps what others left and makes a folder for a run.
func openScratch(ctx context.Context, root string) (*scratch, error) {
	if err := makeRoot(root); err != nil {
		return nil, err
	}
	var s *scratch
	err := swept(ctx, root, func() error {
		dir, err := os.MkdirTemp(root, "run-")
		if err != nil {
			return err
		}
		for _, d := range []string{captureName, tempName} {
			if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
				return err
			}
		}
		held, err := holdFolder(dir)
		if err != nil {
			return err
		}
		s = &scratch{dir, held}
		return nil
	})
	if err != nil {
		return nil, scratchFault(root, err)
	}
	return s, nil
}

// close removes the folder with everything in it.
func (s *scratch) close() error {
	err := os.RemoveAll(s.dir)
	return errors.Join(err, s.held.Close())
}

func (s *scratch) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scratch) write(name string, data []byte) error {
	return os.WriteFile(s.path(name), data, 0o600)
}

// makeRoot makes the folder of all runs. One that others made or may enter is
// refused: what lies in it are keys.
func makeRoot(root string) error {
	if err := os.Mkdir(root, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return scratchFault(root, err)
	}
	info, err := os.Lstat(root)
	if err != nil {
		return scratchFault(root, err)
	}
	if uid, _ := ownerOf(info); !info.IsDir() || uid != os.Geteuid() || info.Mode().Perm() != 0o700 {
		return fault.New(fault.Configuration, "scratch: %s is not a folder of mode 0700 of %s; remove it, or set scratch to a folder where nobody else may write", root, whoami())
	}
	return nil
}

// Sweep removes what runs of workers that died left in the scratch folder, and
// ends their programs. It touches nothing of those that live.
func (t *Exec) Sweep(ctx context.Context) error {
	root := t.options.scratchRoot()
	if _, err := os.Lstat(root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := makeRoot(root); err != nil {
		return t.named(err)
	}
	return t.named(swept(ctx, root, func() error { return nil }))
}

// swept removes what nobody holds, and then does something, alone.
func swept(ctx context.Context, root string, then func() error) error {
	unlock, err := lock(ctx, []string{root})
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := sweepOne(filepath.Join(root, e.Name())); err != nil {
			return err
		}
	}
	return then()
}

func sweepOne(dir string) error {
	held, err := holdFolder(dir)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
		return nil // it is in use, or its run has just ended
	}
	if err != nil {
		return err
	}
	defer held.Close()
	if err := endPrograms(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// holdFolder takes the lock of a run, which ends with this process.
func holdFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

func scratchFault(root string, err error) error {
	var has *fault.Error
	if errors.As(err, &has) {
		return err
	}
	return fault.New(fault.Configuration, "scratch: no private folder for the pair can be made in %s as %s: %w; set scratch to one that can be written", filepath.Dir(root), whoami(), err)
}
