//go:build unix && !linux

package target

import (
	"errors"
	"os"
)

// exchange is a system call of Linux; elsewhere renames do it.
func exchange(*os.File, string, string) error { return errors.ErrUnsupported }
