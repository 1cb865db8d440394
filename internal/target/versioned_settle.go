package target

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// keptVersions is how many versions stay besides the one in use and the one before it.
const keptVersions = 2

// versionName is what we call a version; other entries of versions are not ours.
var versionName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// settle removes all but the version in use, the one before, and a few more.
func (l versioned) settle(before capture) error {
	return l.with(false, func(root, versions folder) error {
		if versions == nil {
			return nil
		}
		live, err := take(root, liveName)
		if err != nil {
			return err
		}
		old, err := l.ours(versions, linked(live), linked(before.Nodes[l.livePath()]))
		if err != nil {
			return err
		}
		slices.SortFunc(old, func(a, b fs.FileInfo) int {
			if c := b.ModTime().Compare(a.ModTime()); c != 0 {
				return c
			}
			return strings.Compare(a.Name(), b.Name())
		})
		return removeAll(versions, old[min(keptVersions, len(old)):])
	})
}

// forgetLater removes the versions that came after a capture, with their keys.
func (l versioned) forgetLater(root, versions folder, before capture) error {
	later, err := l.ours(versions, before.Versions...)
	if err != nil {
		return err
	}
	if err := removeAll(versions, later); err != nil || before.HadVersions {
		return err
	}
	left, err := versions.names()
	if err != nil || len(left) > 0 {
		return err
	}
	return root.Remove(versionsName)
}

// ours lists the versions that we made, but for the named ones.
func (l versioned) ours(versions folder, but ...string) ([]fs.FileInfo, error) {
	names, err := versions.names()
	if err != nil {
		return nil, err
	}
	var out []fs.FileInfo
	for _, n := range names {
		if !versionName.MatchString(n) || slices.Contains(but, n) {
			continue
		}
		info, err := versions.Lstat(n)
		if err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	return out, nil
}

func removeAll(root folder, entries []fs.FileInfo) error {
	for _, e := range entries {
		if err := removeAt(root, e.Name()); err != nil {
			return writeFault(root, e.Name(), err)
		}
	}
	return nil
}
