package target

import (
	"errors"
	"io/fs"
	"path/filepath"
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

// newLayout is the layout of the files on a machine.
func newLayout(f Files, on machine) (layout, error) {
	a, err := f.attributes(on)
	if err != nil {
		return nil, err
	}
	if f.Directory != "" {
		return versioned{on: on, dir: filepath.Clean(f.Directory), items: f.items(), attrs: a}, nil
	}
	return plain{on: on, items: f.items(), attrs: a}, nil
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

// readItems reads those files that exist; at maps a file to its path.
func readItems(on machine, items []item, at func(item) string) (map[role][]byte, error) {
	out := map[role][]byte{}
	for _, it := range items {
		data, err := on.readThrough(at(it))
		if err != nil {
			return nil, err
		}
		if data != nil {
			out[it.role] = data
		}
	}
	return out, nil
}
