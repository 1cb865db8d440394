package lifecycle

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what the timelines are now into testdata")

// TestTimelines plays every story of testdata. The first part of a file tells
// it in words, "input" is the world, "timeline" everything that was sent,
// decided or answered. Looks at the world are left out unless they are the story.
func TestTimelines(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no timelines: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(data)
			if len(a.Files) == 0 || a.Files[0].Name != "input" {
				t.Fatal("the first file must be input")
			}
			s := read(t, string(a.Files[0].Data))
			s.w.play(s.until)
			got := strings.Join(s.w.lines, "\n") + "\n"
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "timeline", Data: []byte(got)})
				if err := os.WriteFile(f, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(a.Files) != 2 {
				t.Fatal("no timeline; run: go test ./internal/lifecycle -run TestTimelines -update")
			}
			if diff := cmp.Diff(strings.Split(string(a.Files[1].Data), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the timeline differs (-told +now):\n%s", diff)
			}
		})
	}
}
