// Package recipes_test runs the programs of deploy/recipes with the configuration
// that docs/recipes tells people to copy, against the real thing where it can be
// installed, else against a stand-in that refuses what the maker's manual does not allow.
package recipes_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/target"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

const root = "../.."

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// needed skips the test, or fails it where servers are required, if files are missing.
func needed(t testing.TB, packages string, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			continue
		}
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv(targettest.RequireEnv) != "" {
			t.Fatalf("%s is missing: apt-get install -y --no-install-recommends %s", p, packages)
		}
		t.Skipf("%s is missing: apt-get install -y --no-install-recommends %s", p, packages)
	}
}

// recipe is the target of a page of docs/recipes, with what differs here.
func recipe(t testing.TB, page string, here map[string]string) *target.Exec {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docs/recipes", page))
	must(t, err)
	block := regexp.MustCompile("(?s)```yaml\n(targets:.*?)```").FindSubmatch(data)
	if block == nil {
		t.Fatalf("%s has no configuration", page)
	}
	scripts, err := filepath.Abs(filepath.Join(root, "deploy/recipes"))
	must(t, err)
	text := strings.ReplaceAll(string(block[1]), "/usr/local/lib/neverlapse", scripts)
	for theirs, ours := range here {
		if !strings.Contains(text, theirs) {
			t.Errorf("%s does not speak of %s", page, theirs)
		}
		text = strings.ReplaceAll(text, theirs, ours)
	}
	file := filepath.Join(t.TempDir(), "neverlapse.yaml")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	c, err := config.Load(file, nil)
	must(t, err)
	var o target.ExecOptions
	must(t, config.DecodeOptions("targets[0].options", c.Targets[0].Options, &o))
	o.Lock, o.Scratch = filepath.Dir(file), filepath.Dir(file)
	tgt, err := target.NewExec(c.Targets[0].Name, o)
	must(t, err)
	return tgt
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Programs that are never run here are at least read by their interpreter.
func TestEveryShellRecipeIsSoundToTheShell(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(root, "deploy/recipes/*.sh"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, s := range scripts {
		if out, err := exec.Command("sh", "-n", s).CombinedOutput(); err != nil {
			t.Errorf("sh -n %s: %v\n%s", s, err, out)
		}
	}
	needed(t, "shellcheck", "shellcheck")
	if out, err := exec.Command("shellcheck", scripts...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}
