package target

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// linked is the entry of versions that a symlink leads to; empty if it leads elsewhere.
func linked(n node) string {
	if n.Kind != kindSymlink {
		return ""
	}
	rest, ok := strings.CutPrefix(filepath.Clean(n.Link), versionsName+"/")
	if !ok || strings.ContainsRune(rest, '/') {
		return ""
	}
	return rest
}

func linkTo(version string) node {
	return node{Kind: kindSymlink, Link: versionsName + "/" + version, UID: keep, GID: keep}
}

// with opens the directory and its versions (nil if missing and not to be
// created), and closes both after f.
func (l versioned) with(create bool, f func(root, versions folder) error) (err error) {
	root, err := l.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	versions, err := l.openVersions(root, create)
	if err != nil {
		return err
	}
	if versions != nil {
		defer func() { err = errors.Join(err, versions.Close()) }()
	}
	return f(root, versions)
}

func (l versioned) take() (capture, error) {
	c := newCapture(l)
	err := l.with(false, func(root, versions folder) error {
		live, err := take(root, liveName)
		if err != nil {
			return err
		}
		c.Nodes[l.livePath()] = live
		if versions == nil {
			return nil
		}
		c.HadVersions = true
		if c.Versions, err = versions.names(); err != nil {
			return err
		}
		if v := linked(live); v != "" {
			c.Nodes[l.versionPath(v)], err = take(versions, v)
		}
		return err
	})
	return c, err
}

func (l versioned) versionPath(v string) string { return filepath.Join(l.dir, versionsName, v) }

func (l versioned) put(c content, before capture) (touched bool, err error) {
	err = l.with(true, func(root, versions folder) error {
		if err := l.guard(root, before); err != nil {
			return err
		}
		if err := l.sweep(root, versions); err != nil {
			return err
		}
		v := node{Kind: kindDirectory, Mode: versionMode, UID: keep, GID: keep, Entries: map[string]node{}}
		for _, it := range l.items {
			v.Entries[it.path] = l.attrs.wanted(it.role, c.bytes[it.role], l.inUse(root, it.path))
		}
		if err := replace(versions, string(c.fingerprint), v); err != nil {
			return err
		}
		touched = true
		return replace(root, liveName, linkTo(string(c.fingerprint)))
	})
	return touched, err
}

// guard refuses to remove a directory whose content was never captured.
func (l versioned) guard(root folder, before capture) error {
	info, err := root.Lstat(liveName)
	if err == nil && info.IsDir() && before.Nodes[l.livePath()].Kind != kindDirectory {
		return fault.New(fault.Conflict, "%s became a directory after it was captured: somebody else writes there; move it away", l.livePath())
	}
	return nil
}

func (l versioned) putBack(before capture) error {
	return l.with(before.HadVersions, func(root, versions folder) error {
		if err := l.guard(root, before); err != nil {
			return err
		}
		if err := l.sweep(root, versions); err != nil {
			return err
		}
		live := before.Nodes[l.livePath()]
		v := linked(live)
		if was, captured := before.Nodes[l.versionPath(v)]; captured && versions != nil {
			if err := replace(versions, v, was); err != nil {
				return err
			}
		}
		if err := replace(root, liveName, live); err != nil || versions == nil {
			return err
		}
		return l.forgetLater(root, versions, before)
	})
}

// sweep removes what a process that died left behind, keys among it.
func (l versioned) sweep(root, versions folder) error {
	errs := []error{sweep(root, liveName), sweep(root, versionsName)}
	if versions != nil {
		errs = append(errs, sweep(versions, ""))
	}
	for _, it := range l.items {
		errs = append(errs, sweep(root, it.path))
	}
	return errors.Join(errs...)
}
