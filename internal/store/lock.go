package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const lockFile = ".lock"

// lock takes the room for this goroutine, waiting for others until ctx is done.
// Goroutines of one process queue in memory, so that a crowd of them costs one
// blocked thread and not one each.
func (f inFolder) lock(ctx context.Context) (unlock func(), err error) {
	t, _ := f.turns.LoadOrStore(f.room.Path, make(chan struct{}, 1))
	turn := t.(chan struct{})
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the lock of %s: %w", f.room.Path, context.Cause(ctx))
	}
	file, err := f.root.OpenFile(f.join(lockFile), os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		<-turn
		return nil, err
	}
	release := func() {
		_ = file.Close() // closing gives the lock back whatever it reports
		<-turn
	}
	got := make(chan error, 1)
	go func() { got <- flock(file) }()
	select {
	case err := <-got:
		if err != nil {
			release()
			return nil, &os.PathError{Op: "flock", Path: f.join(lockFile), Err: err}
		}
		return release, nil
	case <-ctx.Done():
		go func() {
			<-got
			release()
		}()
		return nil, fmt.Errorf("wait for the lock of %s, held by another process: %w", f.room.Path, context.Cause(ctx))
	}
}

func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
