package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// lockPoll is how often a lock held by somebody else is tried again.
const lockPoll = 25 * time.Millisecond

// lockWait is how long another deployment on this host may take before we give up.
const lockWait = 5 * time.Minute

// inode identifies a directory however it was reached.
type inode struct{ dev, ino uint64 }

// lock takes the kernel's lock (flock) on each directory, in one order for all
// processes, and gives the function that releases them. Locking the directory
// itself leaves no file behind, works where we may not write, and the kernel
// releases it when the process dies.
func lock(ctx context.Context, dirs []string) (unlock func(), err error) {
	held := map[inode]*os.File{}
	release := func() {
		for _, f := range held {
			f.Close()
		}
	}
	for _, dir := range dirs {
		f, id, err := openForLock(dir)
		if err != nil {
			release()
			return nil, err
		}
		if _, twice := held[id]; twice {
			f.Close()
			continue
		}
		held[id] = f
	}
	order := make([]inode, 0, len(held))
	for id := range held {
		order = append(order, id)
	}
	slices.SortFunc(order, func(a, b inode) int {
		return cmp.Or(cmp.Compare(a.dev, b.dev), cmp.Compare(a.ino, b.ino))
	})
	for _, id := range order {
		if err := flock(ctx, held[id]); err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

func openForLock(dir string) (*os.File, inode, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, inode{}, directoryFault(dir, whoami(), err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, inode{}, fmt.Errorf("lock %s: %w", dir, err)
	}
	st := info.Sys().(*syscall.Stat_t)
	return f, inode{uint64(st.Dev), uint64(st.Ino)}, nil
}

func flock(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fault.New(fault.Configuration, "lock %s: %w; put it on a file system that supports flock", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "another process holds the lock on %s (see lslocks): %w", f.Name(), ctx.Err())
		case <-tick.C:
		}
	}
}
