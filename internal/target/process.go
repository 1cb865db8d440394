package target

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// process is what a pid file names. The zero process is dead.
type process struct {
	pid  int
	file os.FileInfo // of the pid file
}

// processOf reads a pid file; a process that cannot be found there is the zero one.
func processOf(pidFile string) process {
	info, err := os.Stat(pidFile)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 64 {
		return process{}
	}
	data, err := os.ReadFile(pidFile)
	if err != nil {
		return process{}
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid < 2 {
		return process{}
	}
	return process{pid, info}
}

// alive tells whether it runs. A zombie does not: where nobody reaps, as in
// many containers, a signal to it succeeds for ever.
func (p process) alive() bool {
	if p.pid == 0 {
		return false
	}
	if err := syscall.Kill(p.pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) || !procfs()
	}
	_, rest, _ := bytes.Cut(stat[max(bytes.LastIndexByte(stat, ')'), 0):], []byte(" "))
	return !bytes.HasPrefix(rest, []byte("Z")) && !bytes.HasPrefix(rest, []byte("X"))
}

func procfs() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// same tells whether the pid file was not written since.
func (p process) same(was process) bool {
	return p.pid == was.pid && os.SameFile(p.file, was.file) && p.file.ModTime().Equal(was.file.ModTime())
}

// forget removes a pid file whose process is dead: the server may take a zombie
// for itself and not start.
func (p process) forget(pidFile string) error {
	if p.pid == 0 || p.alive() {
		return nil
	}
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the pid file of a dead process: %w", err)
	}
	return nil
}

// logMark is a place in a log; what follows it is what the server said since.
type logMark struct {
	path string
	size int64
}

func markLog(path string) logMark {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return logMark{}
	}
	return logMark{path, info.Size()}
}

// since gives the emergencies that were logged, which are why the server ended.
func (m logMark) since() string {
	const nothing = "its error log does not tell why"
	f, err := os.Open(m.path)
	if err != nil {
		return nothing
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, m.size, halfKept))
	if err != nil {
		return nothing
	}
	var said []string
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, "emerg]") {
			said = append(said, strings.TrimSpace(line))
		}
	}
	if len(said) == 0 {
		return nothing
	}
	return shorten(printable(withoutKeys(strings.Join(said, "\n"))), maxQuoted)
}
