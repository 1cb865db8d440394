package targettest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Tree lists everything below the directories with mode, owner and content, so
// that two lists are equal exactly when nothing changed.
func Tree(t testing.TB, dirs ...string) string {
	t.Helper()
	var b strings.Builder
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			line, err := describe(path)
			b.WriteString(line)
			return err
		})
		if err != nil {
			t.Fatalf("list %s: %v", dir, err)
		}
	}
	return b.String()
}

func describe(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	st := info.Sys().(*syscall.Stat_t)
	line := fmt.Sprintf("%s %s %d:%d", path, info.Mode(), st.Uid, st.Gid)
	switch info.Mode().Type() {
	case 0:
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" %x", sha256.Sum256(data))
	case fs.ModeSymlink:
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		line += " -> " + link
	}
	return line + "\n", nil
}

func sameTree(t testing.TB, what, want, got string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s\nbefore:\n%s\nafter:\n%s", what, want, got)
	}
}

// watchKeys looks, until stop is called, at every file below the directories as
// fast as it can, and reports those that held a private key while others than
// the owner could read them.
func watchKeys(dirs []string) (stop func() (seen int, wide []string)) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var seen int
	var wide []string
	look := func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // gone since it was listed
		}
		if mode, holds := keyModeOf(path); holds {
			seen++
			if mode&0o077 != 0 {
				wide = append(wide, fmt.Sprintf("%s %s", path, mode))
			}
		}
		return nil
	}
	wg.Go(func() {
		for {
			for _, dir := range dirs {
				if err := filepath.WalkDir(dir, look); err != nil && !errors.Is(err, fs.ErrNotExist) {
					wide = append(wide, "the watch failed: "+err.Error())
				}
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	return func() (int, []string) {
		close(done)
		wg.Wait()
		return seen, wide
	}
}

// keyed recognises a key in PEM, and keystores by how they begin.
func keyed(data []byte) bool {
	return bytes.Contains(data, []byte("PRIVATE KEY")) || bytes.HasPrefix(data, []byte{0x30, 0x82}) || bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed})
}

// keyModeOf reads mode and content through one descriptor, so that they are of
// the same file.
func keyModeOf(path string) (mode fs.FileMode, holdsKey bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil || !keyed(data) {
		return 0, false
	}
	info, err := f.Stat()
	if err != nil {
		return 0, false
	}
	return info.Mode(), true
}
