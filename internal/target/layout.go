package target

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// layout is how a pair lies on the disk. Whoever calls take, put, putBack or
// settle holds the locks of all its directories.
type layout interface {
	name() string
	files() []item         // what is written
	paths() []string       // where, for claims
	directories() []string // which must exist
	// probe tells why put would not be allowed to write.
	probe() error
	// take captures what is there.
	take() (capture, error)
	// put writes the pair; what already is as wanted is left alone. touched
	// tells that a failure came after something visible may have changed.
	put(c content, before capture) (touched bool, err error)
	// putBack restores a capture of this layout.
	putBack(before capture) error
	// settle removes what is not needed once the pair is in use.
	settle(before capture) error
	// read gives the bytes a server would read, for the files that exist.
	read() (map[role][]byte, error)
}

func newLayout(f Files) (layout, error) {
	a, err := f.attributes()
	if err != nil {
		return nil, err
	}
	if f.Directory != "" {
		return versioned{dir: filepath.Clean(f.Directory), items: f.items(), attrs: a}, nil
	}
	return plain{items: f.items(), attrs: a}, nil
}

// probeDirectory tries what writing will need: a file with the wanted owner.
func probeDirectory(root folder, name string, n node) error {
	n.Bytes = nil
	temp := temporaryName(name)
	err := n.build(root, temp)
	if rm := root.Remove(temp); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	if err != nil {
		return writeFault(root, name, err)
	}
	return nil
}

// readThrough reads a file as a server does, symlinks followed; nil if there is none.
func readThrough(path string) ([]byte, error) {
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

// readItems reads those files that exist; at maps a file to its path.
func readItems(items []item, at func(item) string) (map[role][]byte, error) {
	out := map[role][]byte{}
	for _, it := range items {
		data, err := readThrough(at(it))
		if err != nil {
			return nil, err
		}
		if data != nil {
			out[it.role] = data
		}
	}
	return out, nil
}

// resolve follows the symlinks of a directory; what does not exist stays as written.
func resolve(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}
