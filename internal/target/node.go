package target

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// kind is what stands at a name.
type kind string

const (
	kindAbsent    kind = "absent"
	kindFile      kind = "file"
	kindSymlink   kind = "symlink"
	kindDirectory kind = "directory"
)

// maxCaptured bounds what one capture holds: certificates are small, and
// something large at their place is a mistake in the path.
const maxCaptured = 4 << 20

// modeBits are the bits of a mode that a capture keeps.
const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// node is one entry of a directory, whole: as it was found, or as it should be.
type node struct {
	Kind    kind            `json:"kind"`
	Mode    fs.FileMode     `json:"mode,omitempty"`
	UID     int             `json:"uid"` // keep: does not matter
	GID     int             `json:"gid"`
	Bytes   []byte          `json:"bytes,omitempty"`   // of a file
	Link    string          `json:"link,omitempty"`    // of a symlink, as it is written
	Entries map[string]node `json:"entries,omitempty"` // of a directory
}

// take reads what stands at name, never through a symlink.
func take(root folder, name string) (node, error) {
	budget := int64(maxCaptured)
	return takeWithin(root, name, &budget)
}

func takeWithin(root folder, name string, budget *int64) (node, error) {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return node{Kind: kindAbsent}, nil
	}
	if err != nil {
		return node{}, readFault(root, name, err)
	}
	n := node{Mode: info.Mode() & modeBits}
	n.UID, n.GID = ownerOf(info)
	switch info.Mode().Type() {
	case 0:
		n.Kind = kindFile
		n.Bytes, err = takeBytes(root, name, budget)
	case fs.ModeSymlink:
		n.Kind, n.Mode = kindSymlink, 0
		n.Link, err = root.Readlink(name)
	case fs.ModeDir:
		n.Kind = kindDirectory
		n.Entries, err = takeEntries(root, name, budget)
	default:
		return node{}, fault.New(fault.Configuration, "%s/%s is a %s, not a file; correct the path", root.Name(), name, info.Mode().Type())
	}
	if err != nil {
		return node{}, readFault(root, name, err)
	}
	return n, nil
}

func takeBytes(root folder, name string, budget *int64) ([]byte, error) {
	f, err := root.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, *budget+1))
	if err != nil {
		return nil, err
	}
	if *budget -= int64(len(data)); *budget < 0 {
		return nil, fault.New(fault.Configuration, "%s/%s: more than %d MiB stand where the certificate should be; correct the path or move them away", root.Name(), name, maxCaptured>>20)
	}
	return data, nil
}

func takeEntries(root folder, name string, budget *int64) (map[string]node, error) {
	sub, err := root.sub(name)
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	names, err := sub.names()
	if err != nil {
		return nil, err
	}
	out := make(map[string]node, len(names))
	for _, e := range names {
		*budget -= int64(len(e))
		if out[e], err = takeWithin(sub, e, budget); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// satisfies tells whether the entry found is as n wants it.
func (n node) satisfies(found node) bool {
	if n.Kind != found.Kind {
		return false
	}
	if n.Kind == kindAbsent {
		return true
	}
	if n.UID != keep && n.UID != found.UID || n.GID != keep && n.GID != found.GID {
		return false
	}
	if n.Mode != found.Mode || n.Link != found.Link || !bytes.Equal(n.Bytes, found.Bytes) || len(n.Entries) != len(found.Entries) {
		return false
	}
	for name, e := range n.Entries {
		if !e.satisfies(found.Entries[name]) {
			return false
		}
	}
	return true
}

func readFault(root folder, name string, err error) error {
	var has *fault.Error
	switch {
	case errors.As(err, &has):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Configuration, "%s/%s cannot be read as %s: %w; what stands there must be kept before it is replaced", root.Name(), name, root.whoami(), err)
	}
	return fmt.Errorf("read %s/%s: %w", root.Name(), name, err)
}
