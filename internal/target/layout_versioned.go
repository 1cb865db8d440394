package target

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	versionsName = "versions"
	liveName     = "live"
	// versionMode lets a server's user reach files whose own mode admits it.
	versionMode = fs.FileMode(0o755)
)

// versioned is the atomic layout: <dir>/versions/<fingerprint>/<file>, reached
// through the symlink <dir>/live, which one rename switches.
type versioned struct {
	on    machine
	dir   string
	items []item
	attrs attributes
}

func (l versioned) name() string          { return "directory" }
func (l versioned) files() []item         { return l.items }
func (l versioned) directories() []string { return []string{l.dir} }

func (l versioned) paths() []string {
	live := filepath.Join(l.on.resolve(l.dir), liveName)
	out := []string{live}
	for _, it := range l.items {
		out = append(out, filepath.Join(live, it.path))
	}
	return out
}

func (l versioned) livePath() string { return filepath.Join(l.dir, liveName) }

// read resolves live once, so that a switch meanwhile cannot mix two versions.
func (l versioned) read() (map[role][]byte, error) {
	live := l.on.resolve(l.livePath())
	return readItems(l.on, l.items, func(it item) string { return filepath.Join(live, it.path) })
}

func (l versioned) open() (folder, error) {
	root, err := l.on.folder(l.dir)
	if err != nil {
		return nil, directoryFault(l.dir, l.on.whoami(), err)
	}
	return root, nil
}

// openVersions gives the directory of versions, made if create is set; nil if
// there is none.
func (l versioned) openVersions(root folder, create bool) (folder, error) {
	info, err := root.Lstat(versionsName)
	switch {
	case err == nil && !info.IsDir():
		return nil, fault.New(fault.Configuration, "%s/%s is not a directory; move it away", l.dir, versionsName)
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		err = replace(root, versionsName, node{Kind: kindDirectory, Mode: versionMode, UID: keep, GID: keep})
	}
	if err != nil {
		return nil, err
	}
	sub, err := root.sub(versionsName)
	if err != nil {
		return nil, directoryFault(filepath.Join(l.dir, versionsName), l.on.whoami(), err)
	}
	return sub, nil
}

func (l versioned) probe() (err error) {
	root, err := l.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	versions, err := l.openVersions(root, false)
	if err != nil {
		return err
	}
	if versions != nil {
		defer func() { err = errors.Join(err, versions.Close()) }()
	}
	for _, it := range l.items {
		n := l.attrs.wanted(it.role, nil, l.inUse(root, it.path))
		if err := probeDirectory(root, it.path, n); err != nil {
			return err
		}
		if versions == nil {
			continue
		}
		if err := probeDirectory(versions, it.path, n); err != nil {
			return err
		}
	}
	return nil
}

// inUse is the file that live leads to now, within the directory; absent if none.
func (l versioned) inUse(root folder, file string) node {
	live, err := root.sub(liveName)
	if err != nil {
		return node{Kind: kindAbsent}
	}
	defer live.Close()
	n, err := take(live, file)
	if err != nil {
		return node{Kind: kindAbsent}
	}
	return n
}
