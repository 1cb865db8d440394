package target

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// machine is a host whose files are written and whose server is reloaded: this
// one, or one behind SSH. It is connected for the length of one operation.
type machine interface {
	Close() error
	folder(dir string) (folder, error)
	// readThrough reads a file as a server does, symlinks followed; nil if there is none.
	readThrough(path string) ([]byte, error)
	// resolve follows the symlinks of a directory; what does not exist stays as written.
	resolve(dir string) string
	// lock keeps everybody else from the directories until unlock is called or we die.
	lock(ctx context.Context, dirs []string) (unlock func(), err error)
	run(ctx context.Context, argv []string, timeout time.Duration) result
	// user and group give the number of a name.
	user(name string) (int, error)
	group(name string) (int, error)
	// explain says of a failure what the machine has to do with it.
	explain(err error) error
	// whoami names the user we are there, for messages.
	whoami() string
}

// here is this machine.
type here struct{}

func (here) Close() error                                                { return nil }
func (here) folder(dir string) (folder, error)                           { return openFolder(dir) }
func (here) lock(ctx context.Context, dirs []string) (func(), error)     { return lock(ctx, dirs) }
func (here) run(ctx context.Context, a []string, t time.Duration) result { return run(ctx, a, t) }
func (here) user(name string) (int, error)                               { return lookupOwner(name) }
func (here) group(name string) (int, error)                              { return lookupGroup(name) }
func (here) explain(err error) error                                     { return err }
func (here) whoami() string                                              { return whoami() }

func (here) resolve(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

func (here) readThrough(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fault.New(fault.Configuration, "%s cannot be read as %s: %w; give that user the right, or run as one who has it", path, whoami(), err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxCaptured))
}
