package report

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheTableReplacesTheOneBefore(t *testing.T) {
	const begin, end = "<!-- bench:begin -->\n", "<!-- bench:end -->"
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("before\n"+begin+"old\n"+end+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Keep(file, "bench", "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "before\n"+begin+"new\n"+end+"\nafter\n" {
		t.Errorf("%v\n%s", err, got)
	}
	if err := Keep(file, "scan", "new\n"); err == nil {
		t.Error("a page without a place for the table was changed")
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "before\n"+begin+"new\n"+end+"\nafter\n" {
		t.Errorf("after a refusal: %v\n%s", err, got)
	}
}
