package scan

import (
	"bytes"
	"errors"
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
	data, err := readAll(f, path, info.Size())
	return data, info.Mode(), err
}

// readAll reads a file of about so many bytes; one that grows meanwhile is bounded, too.
func readAll(f *os.File, path string, size int64) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err := b.ReadFrom(io.LimitReader(f, maxFile+1))
	if err == nil && b.Len() > maxFile {
		err = tooLong(path)
	}
	return b.Bytes(), err
}

// Opened reads a regular file that was met in a folder, if it is worth it: a link
// that took its place meanwhile is not followed. Worth is asked with the first
// bytes; ok is false if it said no.
func Opened(path string, worth func(head []byte) bool) (data []byte, info os.FileInfo, ok bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, false, err
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, info, false, err
	}
	head := make([]byte, min(info.Size()+1, headSize))
	n, err := io.ReadFull(f, head)
	switch {
	case err == nil:
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return head[:n], info, worth(head[:n]), nil
	default:
		return nil, info, false, err
	}
	if !worth(head) {
		return nil, info, false, nil
	}
	rest, err := readAll(f, path, info.Size()-int64(n))
	return append(head, rest...), info, true, err
}

// headSize is how much is read of a file to see what it is; most certificates
// are shorter.
const headSize = 16 << 10

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
