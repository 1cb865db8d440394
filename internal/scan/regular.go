package scan

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// maxFile bounds what is read of one file, in bytes.
const maxFile = 4 << 20

// readRegular reads a whole file. What is no regular file is never read: a pipe
// would hang, a device would never end.
func readRegular(path string) ([]byte, os.FileMode, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, 0, err
	}
	// What is opened may be another one than was looked at; it must not block.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = tooLong(path)
	}
	return data, info.Mode(), err
}

func regular(path string, info os.FileInfo) error {
	switch {
	case info.IsDir():
		return fmt.Errorf("%s is a folder; name a file in it", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file (%s), so it is not read", path, info.Mode().Type())
	case info.Size() > maxFile:
		return tooLong(path)
	}
	return nil
}

func tooLong(path string) error {
	return fmt.Errorf("%s is longer than %d MB: no certificate is", path, maxFile>>20)
}
