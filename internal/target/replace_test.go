package target

import (
	"os"
	"path/filepath"
	"testing"
)

// File systems that cannot exchange names are rare; the way around is the same code.
func TestNamesAreExchangedAlsoWithoutTheSystemCall(t *testing.T) {
	for name, swap := range map[string]func(folder, string, string) error{"system call": folder.exchange, "renames": exchangeByRenames} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "live"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("versions/x", filepath.Join(dir, ".temp")); err != nil {
				t.Fatal(err)
			}
			root, err := openFolder(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if err := swap(root, ".temp", "live"); err != nil {
				t.Skipf("%v", err)
			}
			link, err := root.Readlink("live")
			if err != nil || link != "versions/x" {
				t.Errorf("live = %q, %v", link, err)
			}
			if info, err := root.Lstat(".temp"); err != nil || !info.IsDir() {
				t.Errorf("the directory is not at the other name: %v", err)
			}
			if names, err := root.names(); err != nil || len(names) != 2 {
				t.Errorf("names = %q, %v", names, err)
			}
		})
	}
}
