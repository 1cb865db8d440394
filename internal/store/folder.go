package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	stagingName = ".staging"
	fileMode    = 0o600
	folderMode  = 0o700
)

// folder is the medium on a local directory. Any number of goroutines and of
// processes on one host may use the same directory.
type folder struct {
	dir  string
	root *os.Root

	prepared sync.Map // room path -> struct{}: its directories exist and are synced
	turns    sync.Map // room path -> chan struct{}: one goroutine at a time asks for the kernel lock
}

// Folder is the medium on a local directory, made with mode 0700 if it is missing.
func Folder(dir string) (Medium, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	m, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// openFolder takes a directory that exists. One that everybody may write to is
// refused with fault.Configuration.
func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	m := &folder{dir: dir, root: root}
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(m.failed(err), root.Close())
	}
	if info.Mode().Perm()&0o002 != 0 {
		err := fault.New(fault.Configuration, "store %s: everybody may write to it (mode %04o); run: chmod 700 %s", dir, info.Mode().Perm(), dir)
		return nil, errors.Join(err, root.Close())
	}
	return m, nil
}

func (m *folder) String() string { return m.dir }

func (m *folder) Close() error { return m.root.Close() }

// Prepare has nothing to do: what is needed is made when it is first used.
func (m *folder) Prepare(context.Context) error { return nil }

func (m *folder) View(r Room) View { return inFolder{m, r} }

// Change holds a kernel lock, which the kernel gives back when its holder dies.
// The staging folder of a room is written only under that lock, so whatever lies
// there when the lock is taken was left by a writer that died.
func (m *folder) Change(ctx context.Context, r Room, do func(Change) error) error {
	if err := context.Cause(ctx); err != nil {
		return m.failed(err)
	}
	f := inFolder{m, r}
	if err := f.prepare(); err != nil {
		return m.failed(err)
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return m.failed(err)
	}
	defer unlock()
	if err := f.clearStaging(); err != nil {
		return m.failed(err)
	}
	return do(f)
}

func (m *folder) syncDir(name string) error {
	dir, err := m.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// inFolder is a room that is a directory.
type inFolder struct {
	*folder
	room Room
}

func (f inFolder) join(elem ...string) string {
	return path.Join(append([]string{f.room.Path}, elem...)...)
}

func (f inFolder) Read(_ context.Context, elem string) ([]byte, error) {
	data, err := f.root.ReadFile(f.join(elem))
	return data, f.failed(err)
}

func (f inFolder) Has(_ context.Context, elem string) (bool, error) {
	_, err := f.root.Stat(f.join(elem))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, f.failed(err)
}

func (f inFolder) List(_ context.Context, folder string) ([]string, error) {
	dir, err := f.root.Open(f.join(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, f.failed(err)
	}
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, f.failed(errors.Join(err, dir.Close()))
}

func (f inFolder) Write(_ context.Context, elem string, data []byte) error {
	staged := path.Join(stagingName, path.Base(elem))
	if err := f.stage(staged, data); err != nil {
		return err
	}
	return f.move(staged, elem)
}

func (f inFolder) Place(ctx context.Context, folder string, pieces map[string][]byte) error {
	staged := path.Join(stagingName, path.Base(folder))
	if err := f.root.Mkdir(f.join(staged), folderMode); err != nil {
		return f.failed(err)
	}
	for elem, data := range pieces {
		if err := f.stage(path.Join(staged, elem), data); err != nil {
			return err
		}
	}
	if err := f.Settle(ctx, staged); err != nil {
		return err
	}
	return f.move(staged, folder)
}

func (f inFolder) Remove(ctx context.Context, elem string) error {
	if err := f.root.Remove(f.join(elem)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f.failed(err)
	}
	return f.Settle(ctx, path.Dir(elem))
}

func (f inFolder) Settle(_ context.Context, folder string) error {
	return f.failed(f.syncDir(f.join(folder)))
}

// stage writes and syncs a new file that nobody looks at yet.
func (f inFolder) stage(elem string, data []byte) error {
	file, err := f.root.OpenFile(f.join(elem), os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return f.failed(err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return f.failed(errors.Join(err, file.Close()))
}

// move takes what was staged to where it belongs and makes that durable.
func (f inFolder) move(staged, elem string) error {
	if err := f.root.Rename(f.join(staged), f.join(elem)); err != nil {
		return f.failed(err)
	}
	return f.failed(f.syncDir(f.join(path.Dir(elem))))
}

// prepare makes the room and syncs every directory on its path, once in the
// life of a process: an earlier one may have died between making and syncing.
func (f inFolder) prepare() error {
	if _, done := f.prepared.Load(f.room.Path); done {
		return nil
	}
	for _, folder := range append([]string{stagingName}, f.room.Folders...) {
		if err := f.root.MkdirAll(f.join(folder), folderMode); err != nil {
			return err
		}
	}
	if f.room.Log != "" {
		file, err := f.root.OpenFile(f.join(f.room.Log), os.O_CREATE|os.O_WRONLY, fileMode)
		if err != nil {
			return err
		}
		// A file restored from a backup may have come with a wider mode.
		if err := errors.Join(file.Chmod(fileMode), file.Close()); err != nil {
			return err
		}
	}
	for dir := f.room.Path; ; dir = path.Dir(dir) {
		if err := f.syncDir(dir); err != nil {
			return err
		}
		if dir == "." {
			break
		}
	}
	f.prepared.Store(f.room.Path, struct{}{})
	return nil
}

func (f inFolder) clearStaging() error {
	dir, err := f.root.Open(f.join(stagingName))
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return err
	}
	for _, name := range names {
		if err := f.root.RemoveAll(f.join(stagingName, name)); err != nil {
			return err
		}
	}
	return nil
}
