package store

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// NameOf says in which room of the layout a piece lies, by its whole path.
func NameOf(whole string) Name {
	part := strings.Split(whole, "/")
	rooms := 1
	switch {
	case len(part) == 1:
		return Name{Room: Room{Path: "."}, Elem: whole}
	case part[0] == "certificates":
		rooms = 2
	case part[0] == "inventory" && part[1] == "source":
		rooms = 3
	case part[0] == "hosts" && len(part) > 5 && part[3] == "certificates":
		rooms = 5
	case part[0] == "hosts":
		rooms = 3
	}
	rooms = min(rooms, len(part)-1)
	return NameIn(path.Join(part[:rooms]...), path.Join(part[rooms:]...))
}

// NameIn is the piece elem of a room.
func NameIn(room, elem string) Name {
	n := Name{Room: Room{Path: room}, Elem: elem}
	if strings.HasPrefix(room, "certificates/") {
		n.Room.Log = LogName
	}
	if dir := path.Dir(elem); dir != "." {
		n.Room.Folders = []string{dir}
	}
	return n
}

// Names lists the certificates of which the store keeps anything, in order.
func (s *Store) Names(ctx context.Context) ([]string, error) {
	all, err := s.medium.Names(ctx)
	var out []string
	for _, n := range all {
		if name, ok := strings.CutPrefix(n.Room.Path, "certificates/"); ok && cert.ValidateName(name) == nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), err
}

// Names leaves out locks and staging folders.
func (m *folder) Names(ctx context.Context) ([]Name, error) {
	var out []Name
	err := fs.WalkDir(m.root.FS(), ".", func(whole string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case d.IsDir() && d.Name() == stagingName:
			return fs.SkipDir
		case d.Type().IsRegular() && d.Name() != lockFile:
			out = append(out, NameOf(whole))
		}
		return nil
	})
	return out, m.failed(err)
}
