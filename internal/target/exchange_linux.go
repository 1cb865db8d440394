package target

import (
	"os"

	"golang.org/x/sys/unix"
)

// exchange swaps two names of an opened directory in one step.
func exchange(d *os.File, a, b string) error {
	fd := int(d.Fd())
	if err := unix.Renameat2(fd, a, fd, b, unix.RENAME_EXCHANGE); err != nil {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	return nil
}
