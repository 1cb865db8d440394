package store

import (
	"context"
	"errors"
	"os"
	"path"
)

const (
	stagingName = ".staging"
	fileMode    = 0o600
	folderMode  = 0o700
)

// room is a directory of the store that is changed under one kernel lock. Its
// staging folder is written only under that lock, so whatever lies there when
// the lock is taken was left by a writer that died.
type room struct {
	store   *Files
	path    string
	folders []string // made before the first write
	logs    []string // files that are appended to, made empty before the first write
}

func (r room) join(elem ...string) string { return path.Join(append([]string{r.path}, elem...)...) }

func (r room) read(elem ...string) ([]byte, error) {
	data, err := r.store.root.ReadFile(r.join(elem...))
	return data, r.store.failed(err)
}

// locked runs do while no other goroutine or process changes the room.
func (r room) locked(ctx context.Context, do func() error) error {
	if err := context.Cause(ctx); err != nil {
		return r.store.failed(err)
	}
	if err := r.prepare(); err != nil {
		return r.store.failed(err)
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return r.store.failed(err)
	}
	defer unlock()
	if err := r.clearStaging(); err != nil {
		return r.store.failed(err)
	}
	return do()
}

// prepare makes the room and syncs every directory on its path, once in the
// life of a process: an earlier one may have died between making and syncing.
func (r room) prepare() error {
	s := r.store
	if _, done := s.prepared.Load(r.path); done {
		return nil
	}
	for _, folder := range append([]string{stagingName}, r.folders...) {
		if err := s.root.MkdirAll(r.join(folder), folderMode); err != nil {
			return err
		}
	}
	for _, name := range r.logs {
		f, err := s.root.OpenFile(r.join(name), os.O_CREATE|os.O_WRONLY, fileMode)
		if err != nil {
			return err
		}
		// A file restored from a backup may have come with a wider mode.
		if err := errors.Join(f.Chmod(fileMode), f.Close()); err != nil {
			return err
		}
	}
	for dir := r.path; ; dir = path.Dir(dir) {
		if err := s.syncDir(dir); err != nil {
			return err
		}
		if dir == "." {
			break
		}
	}
	s.prepared.Store(r.path, struct{}{})
	return nil
}

func (r room) clearStaging() error {
	dir, err := r.store.root.Open(r.join(stagingName))
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return err
	}
	for _, name := range names {
		if err := r.store.root.RemoveAll(r.join(stagingName, name)); err != nil {
			return err
		}
	}
	return nil
}

// write replaces the file elem in one step; the lock must be held. After an
// error the old content is still there.
func (r room) write(elem string, data []byte) error {
	staged := path.Join(stagingName, path.Base(elem))
	if err := r.stage(staged, data); err != nil {
		return err
	}
	return r.place(staged, elem)
}

// stage writes and syncs a new file that nobody looks at yet.
func (r room) stage(elem string, data []byte) error {
	f, err := r.store.root.OpenFile(r.join(elem), os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return r.store.failed(err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return r.store.failed(errors.Join(err, f.Close()))
}

// place moves what was staged to where it belongs and makes that durable.
func (r room) place(staged, elem string) error {
	if err := r.store.root.Rename(r.join(staged), r.join(elem)); err != nil {
		return r.store.failed(err)
	}
	return r.settle(path.Dir(elem))
}

// settle makes the names in a folder durable. It is called also before saying
// that something was there already: whoever put it there may have died first.
func (r room) settle(folder string) error {
	return r.store.failed(r.store.syncDir(r.join(folder)))
}

func (s *Files) syncDir(name string) error {
	dir, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
