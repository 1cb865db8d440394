package target

import (
	"errors"
	"fmt"
	"io/fs"
)

// errOwner: the owner that a file must have cannot be given.
var errOwner = errors.New("its owner cannot be set")

// build makes the node at a name where nothing is yet. Nothing of a file can
// be read by anyone its mode does not admit, at any instant: it is created for
// us alone, and has its owner and mode before its first byte.
func (n node) build(root folder, name string) error {
	switch n.Kind {
	case kindFile:
		return n.buildFile(root, name)
	case kindDirectory:
		return n.buildDirectory(root, name)
	case kindSymlink:
		if err := root.Symlink(n.Link, name); err != nil {
			return err
		}
		info, err := root.Lstat(name)
		if err != nil {
			return err
		}
		return n.own(root, info, func(uid, gid int) error { return root.Lchown(name, uid, gid) })
	}
	return fmt.Errorf("a node of kind %q cannot be made", n.Kind)
}

func (n node) buildFile(root folder, name string) (err error) {
	f, err := root.create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := n.dress(root, f); err != nil {
		return err
	}
	if _, err := f.Write(n.Bytes); err != nil {
		return err
	}
	return f.Sync()
}

func (n node) buildDirectory(root folder, name string) (err error) {
	if err := root.Mkdir(name, 0o700); err != nil {
		return err
	}
	sub, err := root.sub(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sub.Close()) }()
	for e, child := range n.Entries {
		if err := child.build(sub, e); err != nil {
			return err
		}
	}
	if err := n.dressFolder(root, sub, name); err != nil {
		return err
	}
	return sub.sync()
}

// dress gives owner and mode, in this order: a change of owner clears bits of the mode.
func (n node) dress(root folder, f file) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := n.own(root, info, f.Chown); err != nil {
		return err
	}
	return f.Chmod(n.Mode)
}

func (n node) dressFolder(root, sub folder, name string) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if err := n.own(root, info, sub.chown); err != nil {
		return err
	}
	return sub.chmod(n.Mode)
}

// own changes the owner if it is not the wanted one already.
func (n node) own(root folder, info fs.FileInfo, chown func(uid, gid int) error) error {
	hasUID, hasGID := ownerOf(info)
	uid, gid := n.UID, n.GID
	if uid == hasUID {
		uid = keep
	}
	if gid == hasGID {
		gid = keep
	}
	if uid == keep && gid == keep {
		return nil
	}
	if err := chown(uid, gid); err != nil {
		return fmt.Errorf("%w to %d:%d as %s: %w", errOwner, n.UID, n.GID, root.whoami(), err)
	}
	return nil
}
