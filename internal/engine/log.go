package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	logLimit = 32 << 20 // bytes of a log before it makes room; as much is kept beside it
	logCheck = 10 * time.Minute
	tailSize = 4 << 10
)

// tendLog keeps a server that complains for years from filling the disk.
func (e *Engine) tendLog() {
	tick := time.NewTicker(logCheck)
	defer tick.Stop()
	for {
		select {
		case <-e.done:
			return
		case <-tick.C:
		}
		if err := rotate(e.options.LogFile, logLimit); err != nil {
			e.options.Logger.Warn("engine: log not rotated", "error", err)
		}
	}
}

// rotate copies a log that is too long to path.1 and empties it. The child goes on writing at its (new) end: it appends.
func rotate(path string, limit int64) error {
	switch info, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Size() <= limit:
		return nil
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path+".1", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", path, err)
	}
	return os.Truncate(path, 0)
}

// logSize is 0 for a log that does not exist yet.
func logSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// tail is the end of the log from an offset on, in whole lines.
func tail(path string, from int64) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	cut := info.Size()-from > tailSize
	if cut {
		from = info.Size() - tailSize
	}
	data, err := io.ReadAll(io.NewSectionReader(f, from, tailSize))
	if err != nil {
		return err.Error()
	}
	if cut {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	if text := strings.TrimSpace(string(data)); text != "" {
		return text
	}
	return "(nothing)"
}
