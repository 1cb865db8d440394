package target

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// plain keeps each file at its own path. All are written beside their places
// first, so that only renames remain between the old pair and the new one.
type plain struct {
	on    machine
	items []item
	attrs attributes
}

func (l plain) name() string                  { return "files" }
func (l plain) files() []item                 { return l.items }
func (l plain) settle(capture) error          { return nil } // one file each: nothing piles up
func (l plain) path(it item) string           { return it.path }
func (l plain) split(it item) (dir, n string) { return filepath.Dir(it.path), filepath.Base(it.path) }

func (l plain) paths() []string {
	var out []string
	for _, it := range l.items {
		dir, name := l.split(it)
		out = append(out, filepath.Join(l.on.resolve(dir), name))
	}
	return out
}

func (l plain) directories() []string {
	var out []string
	for _, it := range l.items {
		dir, _ := l.split(it)
		out = append(out, dir)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (l plain) read() (map[role][]byte, error) { return readItems(l.on, l.items, l.path) }

// spot is one file with its opened directory and what stands there.
type spot struct {
	item
	root  folder
	name  string
	found node
}

// open looks at every file; each directory is opened once, and everything is
// done relative to it. done closes them.
func (l plain) open() (spots []spot, done func() error, err error) {
	roots := map[string]folder{}
	closeAll := func() error {
		var errs []error
		for _, r := range roots {
			errs = append(errs, r.Close())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	for _, it := range l.items {
		dir, name := l.split(it)
		if roots[dir] == nil {
			r, err := l.on.folder(dir)
			if err != nil {
				return nil, nil, directoryFault(dir, l.on.whoami(), err)
			}
			roots[dir] = r
		}
		found, err := take(roots[dir], name)
		if err != nil {
			return nil, nil, err
		}
		if found.Kind == kindDirectory {
			return nil, nil, fault.New(fault.Configuration, "%s is a directory, not a file; correct the path or move it away", it.path)
		}
		spots = append(spots, spot{it, roots[dir], name, found})
	}
	return spots, closeAll, nil
}

func (l plain) probe() (err error) {
	spots, done, err := l.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	for _, s := range spots {
		if err := probeDirectory(s.root, s.name, l.attrs.wanted(s.role, nil, s.found)); err != nil {
			return err
		}
	}
	return nil
}

func (l plain) take() (capture, error) {
	c := newCapture(l)
	spots, done, err := l.open()
	if err != nil {
		return c, err
	}
	for _, s := range spots {
		c.Nodes[s.path] = s.found
	}
	return c, done()
}

func (l plain) put(c content, _ capture) (touched bool, err error) {
	return l.write(func(s spot) node { return l.attrs.wanted(s.role, c.bytes[s.role], s.found) })
}

func (l plain) putBack(before capture) error {
	_, err := l.write(func(s spot) node { return before.Nodes[s.path] })
	return err
}

// write stages every file, then renames them one right after the other.
func (l plain) write(wanted func(spot) node) (touched bool, err error) {
	spots, done, err := l.open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, done()) }()
	var all []staged
	for _, s := range spots {
		if err := sweep(s.root, s.name); err != nil {
			return false, errors.Join(err, discard(all))
		}
		st, err := stage(s.root, s.name, wanted(s))
		if err != nil {
			return false, errors.Join(err, discard(all))
		}
		all = append(all, st)
	}
	for _, st := range all {
		if err := st.commit(); err != nil {
			return true, errors.Join(err, discard(all))
		}
	}
	return true, nil
}
