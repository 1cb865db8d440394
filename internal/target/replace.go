package target

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"strings"
	"syscall"
)

// temporary names lie beside what they replace: .<name>.neverlapse-<random>.
const temporaryMark = ".neverlapse-"

func temporaryName(name string) string { return "." + name + temporaryMark + rand.Text() }

// isTemporary tells whether entry is a leftover of replacing name; an empty
// name stands for any.
func isTemporary(entry, name string) bool {
	if name == "" {
		return strings.HasPrefix(entry, ".") && strings.Contains(entry, temporaryMark)
	}
	return strings.HasPrefix(entry, "."+name+temporaryMark)
}

// sweep removes what a process that died left while replacing name. Whoever
// calls it holds the directory's lock.
func sweep(root folder, name string) error {
	entries, err := root.names()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isTemporary(e, name) {
			if err := root.RemoveAll(e); err != nil {
				return writeFault(root, e, err)
			}
		}
	}
	return nil
}

// staged is a node that is built beside the name it will take.
type staged struct {
	root folder
	name string
	temp string // empty: the name already is as wanted, or is to become absent
	node node
}

// stage builds n beside name unless it is there already.
func stage(root folder, name string, n node) (staged, error) {
	s := staged{root: root, name: name, node: n}
	found, err := take(root, name)
	if err != nil {
		return s, err
	}
	if n.satisfies(found) || n.Kind == kindAbsent {
		return s, nil
	}
	s.temp = temporaryName(name)
	if err := n.build(root, s.temp); err != nil {
		return s, writeFault(root, name, errors.Join(err, root.RemoveAll(s.temp)))
	}
	return s, nil
}

// commit makes it take its name in one step, and makes that durable.
func (s staged) commit() error {
	var err error
	switch {
	case s.node.Kind == kindAbsent:
		err = removeAt(s.root, s.name)
	case s.temp == "":
		return nil
	default:
		err = moveOver(s.root, s.temp, s.name)
	}
	if err != nil {
		return writeFault(s.root, s.name, err)
	}
	return s.root.sync()
}

// discard removes what was staged and not committed.
func discard(all []staged) error {
	var errs []error
	for _, s := range all {
		if s.temp != "" {
			errs = append(errs, s.root.RemoveAll(s.temp))
		}
	}
	return errors.Join(errs...)
}

// replace stages and commits one node.
func replace(root folder, name string, n node) error {
	s, err := stage(root, name, n)
	if err != nil {
		return err
	}
	if err := s.commit(); err != nil {
		return errors.Join(err, discard([]staged{s}))
	}
	return nil
}

// moveOver renames temp to name; where a directory is involved, which a rename
// does not replace, the two names are exchanged and the old content removed.
func moveOver(root folder, temp, name string) error {
	found, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return root.Rename(temp, name)
	}
	if err != nil {
		return err
	}
	made, err := root.Lstat(temp)
	if err != nil {
		return err
	}
	if !found.IsDir() && !made.IsDir() {
		return root.Rename(temp, name)
	}
	err = root.exchange(temp, name)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, errors.ErrUnsupported) {
		err = exchangeByRenames(root, temp, name)
	}
	if err != nil {
		return err
	}
	return root.RemoveAll(temp)
}

// exchangeByRenames is for file systems that cannot exchange: name is missing
// for an instant, which the next run mends.
func exchangeByRenames(root folder, temp, name string) error {
	aside := temporaryName(name)
	if err := root.Rename(name, aside); err != nil {
		return err
	}
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(err, root.Rename(aside, name))
	}
	return root.Rename(aside, temp)
}

// removeAt makes name absent in one step, a directory included.
func removeAt(root folder, name string) error {
	aside := temporaryName(name)
	if err := root.Rename(name, aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return root.RemoveAll(aside)
}
