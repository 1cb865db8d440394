package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/config"
)

// documents are what people read.
func documents(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	recipes, err := filepath.Glob(filepath.Join(root, "docs", "recipes", "*.md"))
	if err != nil || len(recipes) == 0 {
		t.Fatalf("no recipes: %v", err)
	}
	out := []string{"README.md", "deploy/RUNBOOK.md"}
	for _, path := range append(found, recipes...) {
		below, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, below)
	}
	return out
}

// sources gives the Go files below the top as one text.
func sources(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root:
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			data, err := os.ReadFile(path)
			b.Write(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEveryTestThatIsNamedExists(t *testing.T) {
	all, named := sources(t), 0
	for _, d := range documents(t) {
		for _, name := range regexp.MustCompile("`(Test[A-Z]\\w+)`").FindAllStringSubmatch(text(t, d), -1) {
			named++
			if !strings.Contains(all, "func "+name[1]+"(") {
				t.Errorf("%s names %s, which does not exist", d, name[1])
			}
		}
	}
	if named == 0 {
		t.Error("no test is named")
	}
}

func TestEveryVerbAndTargetOfMakeThatIsNamedExists(t *testing.T) {
	all, makefile := sources(t), text(t, "Makefile")
	for _, d := range documents(t) {
		body := text(t, d)
		for _, m := range regexp.MustCompile("(?m)(?:`|^ +|bin/|worker )neverlapse ([a-z]+)").FindAllStringSubmatch(body, -1) {
			if !regexp.MustCompile(`"` + m[1] + `[ "]`).MatchString(all) {
				t.Errorf("%s: neverlapse has no verb %q", d, m[1])
			}
		}
		for _, m := range regexp.MustCompile("(?m)(?:`|^ +)make ([a-z -]+)").FindAllStringSubmatch(body, -1) {
			for _, goal := range strings.Fields(m[1]) {
				if !strings.Contains(makefile, "\n"+goal+":") {
					t.Errorf("%s: make has no %q", d, goal)
				}
			}
		}
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, d := range documents(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)#]+)`).FindAllStringSubmatch(text(t, d), -1) {
			if strings.HasPrefix(m[1], "https://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(d), m[1])); err != nil {
				t.Errorf("%s: %v", d, err)
			}
		}
	}
}

func TestTheConfigurationsThatBeginnersCopyAreGood(t *testing.T) {
	for _, d := range []string{"README.md", "docs/getting-started.md", "docs/hosts.md", "docs/channels.md"} {
		m := regexp.MustCompile("(?ms)^( *)```yaml\n(.*?)```").FindAllStringSubmatch(text(t, d), -1)
		if len(m) == 0 {
			t.Fatalf("%s has no configuration", d)
		}
		for _, block := range m {
			file := filepath.Join(t.TempDir(), "neverlapse.yaml")
			if err := os.WriteFile(file, []byte(regexp.MustCompile("(?m)^"+block[1]).ReplaceAllString(block[2], "")), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(file, nil); err != nil {
				t.Errorf("%s: %v", d, err)
			}
		}
	}
}
