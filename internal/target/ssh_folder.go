package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// remoteFolder is a directory of another host, at its resolved path.
type remoteFolder struct {
	*remote
	path string
}

func (r *remote) folder(dir string) (folder, error) {
	info, err := r.files.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	real, err := r.files.RealPath(dir)
	if err != nil {
		return nil, err
	}
	return remoteFolder{r, real}, nil
}

func (r *remote) resolve(dir string) string {
	if real, err := r.files.RealPath(dir); err == nil {
		return real
	}
	return dir
}

func (r *remote) readThrough(p string) ([]byte, error) {
	info, err := r.files.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fault.New(fault.Configuration, "%s cannot be read as %s: %w; give that user the right", p, r.whoami(), err)
	case err != nil || !info.Mode().IsRegular():
		return nil, err
	}
	f, err := r.files.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCaptured))
}

func (r *remote) whoami() string { return r.options.User + " on " + r.options.Host }

func (r *remote) user(name string) (int, error) {
	return r.number("owner", name, []string{"id", "-u", "--", name}, func(s string) string { return s })
}

func (r *remote) group(name string) (int, error) {
	return r.number("group", name, []string{"getent", "group", "--", name}, func(s string) string {
		if f := strings.Split(s, ":"); len(f) > 2 {
			return f[2]
		}
		return ""
	})
}

// number asks the host for the number of a name.
func (r *remote) number(field, name string, argv []string, in func(string) string) (int, error) {
	if n := numberOr(name); n != keep {
		return n, nil
	}
	res := r.run(context.Background(), argv, defaultTimeout)
	if !res.ok() {
		return keep, fmt.Errorf("%s: %q is not known on %s: %w; create it there or give its number", field, name, r.options.Host, res)
	}
	n, err := strconv.ParseUint(in(strings.TrimSpace(res.output)), 10, 31)
	if err != nil {
		return keep, fmt.Errorf("%s: %s on %s says %q of %q, which has no number; give it here", field, argv[0], r.options.Host, res.output, name)
	}
	return int(n), nil
}

func (f remoteFolder) at(name string) string { return path.Join(f.path, name) }

func (f remoteFolder) Name() string                           { return f.path }
func (f remoteFolder) Close() error                           { return nil }
func (f remoteFolder) Lstat(name string) (fs.FileInfo, error) { return f.files.Lstat(f.at(name)) }
func (f remoteFolder) Readlink(name string) (string, error)   { return f.files.ReadLink(f.at(name)) }
func (f remoteFolder) Symlink(link, name string) error        { return f.files.Symlink(link, f.at(name)) }
func (f remoteFolder) Remove(name string) error               { return f.files.Remove(f.at(name)) }
func (f remoteFolder) Rename(from, to string) error           { return f.files.PosixRename(f.at(from), f.at(to)) }
func (f remoteFolder) exchange(string, string) error          { return errors.ErrUnsupported }
func (f remoteFolder) chown(uid, gid int) error               { return f.files.Chown(f.path, uid, gid) }
func (f remoteFolder) chmod(mode fs.FileMode) error           { return f.files.Chmod(f.path, mode) }

// Lchown needs a command: SFTP changes what a symlink leads to.
func (f remoteFolder) Lchown(name string, uid, gid int) error {
	owner := ""
	if uid != keep {
		owner = strconv.Itoa(uid)
	}
	if gid != keep {
		owner += ":" + strconv.Itoa(gid)
	}
	return f.command("chown", "-h", owner, f.at(name))
}

// Mkdir has the mode before anything is in it.
func (f remoteFolder) Mkdir(name string, perm fs.FileMode) error {
	if err := f.files.Mkdir(f.at(name)); err != nil {
		return err
	}
	return f.files.Chmod(f.at(name), perm)
}

func (f remoteFolder) RemoveAll(name string) error {
	err := f.files.RemoveAll(f.at(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f remoteFolder) open(name string) (file, error) {
	opened, err := f.files.Open(f.at(name))
	if err != nil {
		return nil, err // not a nil *sftp.File
	}
	return opened, nil
}

// create makes the file within a directory that nobody else may enter: SFTP
// creates it with the mode that the host's umask leaves, and whoever opened it
// then could read what is written later.
func (f remoteFolder) create(name string) (_ file, err error) {
	if _, err := f.Lstat(name); err == nil {
		return nil, &fs.PathError{Op: "create", Path: f.at(name), Err: fs.ErrExist}
	}
	private := name + ".d"
	if err := f.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.RemoveAll(private)) }()
	inside := f.at(path.Join(private, "f"))
	made, err := f.files.OpenFile(inside, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	err = made.Chmod(0o600)
	if err == nil {
		err = f.files.PosixRename(inside, f.at(name))
	}
	if err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

func (f remoteFolder) sub(name string) (folder, error) {
	info, err := f.Lstat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return f.through(name)
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: f.at(name), Err: syscall.ENOTDIR}
	}
	return remoteFolder{f.remote, f.at(name)}, nil
}

// through follows a symlink to a directory as long as it stays within the folder.
func (f remoteFolder) through(name string) (folder, error) {
	real, err := f.files.RealPath(f.at(name))
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(real, strings.TrimSuffix(f.path, "/")+"/") {
		return nil, &fs.PathError{Op: "open", Path: f.at(name), Err: errors.New("the symlink leads out of the directory")}
	}
	return f.remote.folder(real)
}

func (f remoteFolder) names() ([]string, error) {
	entries, err := f.files.ReadDir(f.path)
	var out []string
	for _, e := range entries {
		if !slices.Contains([]string{".", ".."}, e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// sync needs a command: SFTP opens no directory to sync it.
func (f remoteFolder) sync() error { return f.command("sync", "--", f.path) }

func (f remoteFolder) command(argv ...string) error {
	if r := f.run(context.Background(), argv, defaultTimeout); !r.ok() {
		return r
	}
	return nil
}
