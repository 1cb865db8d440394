package target

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/pkg/sftp"
)

// folder is an opened directory of a machine. Names are those of its entries;
// nothing is reached through a symlink among them. Its methods are those of
// os.Root, and fail as they do.
type folder interface {
	Name() string
	Close() error
	Lstat(name string) (fs.FileInfo, error)
	Readlink(name string) (string, error)
	Symlink(link, name string) error
	Lchown(name string, uid, gid int) error
	Mkdir(name string, perm fs.FileMode) error
	Remove(name string) error
	RemoveAll(name string) error
	// Rename replaces what is at the new name, unless it is a directory.
	Rename(from, to string) error

	// open opens an entry to read it; create makes a file for us alone, where
	// nothing is yet.
	open(name string) (file, error)
	create(name string) (file, error)
	// sub opens a directory among the entries.
	sub(name string) (folder, error)
	names() ([]string, error)
	// exchange swaps two names in one step; errors.ErrUnsupported if it cannot.
	exchange(a, b string) error
	chown(uid, gid int) error
	chmod(mode fs.FileMode) error
	// sync makes renames in it durable.
	sync() error
	// whoami names the user we are there, for messages.
	whoami() string
}

// file is an opened file of a folder.
type file interface {
	io.ReadWriteCloser
	Stat() (fs.FileInfo, error)
	Chown(uid, gid int) error
	Chmod(mode fs.FileMode) error
	Sync() error
}

// localFolder is a directory of this machine, whatever happens to its path.
type localFolder struct{ *os.Root }

func openFolder(dir string) (folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return localFolder{root}, nil
}

func (f localFolder) sub(name string) (folder, error) {
	root, err := f.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return localFolder{root}, nil
}

func (f localFolder) open(name string) (file, error) {
	return f.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func (f localFolder) create(name string) (file, error) {
	return f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// itself opens the directory as a file.
func (f localFolder) itself(do func(*os.File) error) error {
	d, err := f.Root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(do(d), d.Close())
}

func (f localFolder) names() (out []string, err error) {
	err = f.itself(func(d *os.File) error {
		out, err = d.Readdirnames(-1)
		return err
	})
	return out, err
}

func (f localFolder) exchange(a, b string) error {
	return f.itself(func(d *os.File) error { return exchange(d, a, b) })
}

func (f localFolder) chown(uid, gid int) error {
	return f.itself(func(d *os.File) error { return d.Chown(uid, gid) })
}

func (f localFolder) chmod(mode fs.FileMode) error {
	return f.itself(func(d *os.File) error { return d.Chmod(mode) })
}

func (f localFolder) sync() error { return f.itself((*os.File).Sync) }

func (f localFolder) whoami() string { return whoami() }

// ownerOf gives the owner out of what a machine said of a file.
func ownerOf(info fs.FileInfo) (uid, gid int) {
	switch st := info.Sys().(type) {
	case *syscall.Stat_t:
		return int(st.Uid), int(st.Gid)
	case *sftp.FileStat:
		return int(st.UID), int(st.GID)
	}
	panic(fmt.Sprintf("target: a file without owner: %T", info.Sys()))
}
