package workflows_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/workflows"
)

func TestPatchesAreNumberedWithoutAGap(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for level := 1; level <= workflows.PatchLevel(); level++ {
		id := workflows.PatchID(level)
		if id == "" || seen[id] || workflows.LevelOf(id) != level {
			t.Errorf("patch %d has the ID %q, of level %d", level, id, workflows.LevelOf(id))
		}
		seen[id] = true
	}
	if workflows.LevelOf("of another release") != 0 {
		t.Error("an ID that nobody gave has a level")
	}
}

// A change that is asked for past the list would be taken beside workers that do
// not know it.
func TestPatchesAreAskedForInOnePlace(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var where []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "workflow.GetVersion(") {
			where = append(where, file)
		}
	}
	if strings.Join(where, " ") != "patches.go" {
		t.Errorf("workflow.GetVersion is called in %v, want patches.go alone", where)
	}
}
