package target

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// directoryFault explains why a directory cannot be used.
func directoryFault(dir, who string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Configuration, "directory %s does not exist: %w; create it and let %s write there", dir, err, who)
	case errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.Configuration, "%s is not a directory: %w; correct the path", dir, err)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Configuration, "directory %s cannot be read as %s: %w; give that user the right, or run as one who has it", dir, who, err)
	}
	return fmt.Errorf("open directory %s: %w", dir, err)
}

// writeFault explains why something cannot be written in a directory.
func writeFault(root folder, name string, err error) error {
	dir := root.Name()
	var has *fault.Error
	switch {
	case err == nil || errors.As(err, &has):
		return err
	case errors.Is(err, errOwner):
		return fault.New(fault.Configuration, "%s/%s: %w; run as root, or make the file ours with chown and set owner and group to match", dir, name, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.New(fault.Configuration, "cannot write %s in %s as %s: %w; give that user write permission on the directory, or run as one who has it", name, dir, root.whoami(), err)
	case errors.Is(err, fs.ErrNotExist): // it was removed after it was opened, or is one of /proc or /sys
		return fault.New(fault.Configuration, "cannot write %s in %s: %w; the directory is gone or takes no new files: correct the path", name, dir, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Configuration, "no space left to write %s in %s: %w; free some", name, dir, err)
	}
	return fmt.Errorf("write %s in %s: %w", name, dir, err)
}
