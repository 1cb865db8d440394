package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// acquireLock takes the data directory for this process and, because the child inherits the open file, for its child. A directory held by
// a living worker is refused at once. When the worker is dead, only the child it left behind can hold the lock: it is waited for.
func acquireLock(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "engine.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("engine: lock: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("engine: lock %s: %w", f.Name(), err), f.Close())
		}
		if owner := readPID(f); alive(owner) {
			return nil, errors.Join(fmt.Errorf("engine: the worker with pid %d already runs the engine in %s; stop it, "+
				"or give this one another data directory or a temporal.address", owner, dir), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(leftBehind(dir), f.Close())
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := writePID(f); err != nil {
		return nil, errors.Join(fmt.Errorf("engine: lock %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}

func leftBehind(dir string) error {
	if r, err := readRecord(dir); err == nil && r.PID != 0 {
		return fmt.Errorf("engine: a worker that was killed left an engine running in %s; stop it with: kill %d", dir, r.PID)
	}
	return fmt.Errorf("engine: another process holds the lock in %s", dir)
}

func readPID(f *os.File) int {
	buf := make([]byte, 20)
	n, err := f.ReadAt(buf, 0)
	if n == 0 && err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil {
		return 0
	}
	return pid
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
