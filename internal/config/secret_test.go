package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestASecretIsReadWithoutTheNewlineOfItsEditor(t *testing.T) {
	for content, want := range map[string]string{
		"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", "s3cret\n\n": "s3cret\n", " s3cret ": " s3cret ", "s\r": "s\r",
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadSecret(path); err != nil || got != want {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
	}
}

func TestASecretThatCannotBeOneIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"open to everybody": {"s3cret", 0o604, "everybody on this machine may use it (mode 0604); run: chmod o= PATH (in Kubernetes set defaultMode: 0440 on the volume)"},
		"empty":             {"", 0o600, "is empty; write the secret into it"},
		"a newline":         {"\n", 0o600, "is empty; write the secret into it"},
		"too long":          {strings.Repeat("s3cret", maxSecret), 0o600, "is longer than 1048576 bytes; is it the right file?"},
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		_, err := ReadSecret(path)
		if want := "secret " + path + ": " + strings.ReplaceAll(tc.want, "PATH", path); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, filepath.Join(dir, "none")} {
		if got, err := ReadSecret(path); err == nil {
			t.Errorf("%s: read %q", path, got)
		}
	}
}
