package chart_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/kubernetes.md anew")

var (
	explained = regexp.MustCompile(`^(\s*)# -- (.+)$`)
	valued    = regexp.MustCompile(`^(\s*)([A-Za-z]\w*):(?: (.*))?$`)
)

// value is one of values.yaml, with what is said of it.
type value struct{ path, preset, about string }

// explainedValues are those that values.yaml explains.
func explainedValues(t *testing.T) (out []value) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(chartPath, "values.yaml"))
	must(t, err)
	var path []string
	about := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		if m := explained.FindStringSubmatch(line); m != nil {
			about = m[2]
			continue
		}
		m := valued.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		path = append(path[:min(len(path), len(m[1])/2)], m[2])
		if about == "" {
			continue
		}
		preset, _, _ := strings.Cut(m[3], " #")
		out = append(out, value{strings.Join(path, "."), preset, about})
		about = ""
	}
	return out
}

// The page has every value, and says what the values' file says.
func TestTheTableOfValuesIsThatOfTheChart(t *testing.T) {
	page := filepath.Join(root, "docs/kubernetes.md")
	data, err := os.ReadFile(page)
	must(t, err)
	const begin, end = "<!-- values:begin -->\n", "<!-- values:end -->"
	before, rest, found := strings.Cut(string(data), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	var table strings.Builder
	table.WriteString("| Value | Default | Meaning |\n|---|---|---|\n")
	for _, v := range explainedValues(t) {
		preset := ""
		if v.preset != "" && v.preset != `""` {
			preset = "`" + v.preset + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", v.path, preset, v.about)
	}
	want := before + begin + table.String() + end + after
	if *update {
		must(t, os.WriteFile(page, []byte(want), 0o644))
	} else if string(data) != want {
		t.Errorf("%s: the table is not that of values.yaml; run: go -C test/shipped test -mod=mod ./chart -run Table -update", page)
	}
}

// Each value that the schema allows is there and explained, and no other.
func TestEveryValueIsExplainedAndInTheSchema(t *testing.T) {
	said := map[string]bool{}
	for _, v := range explainedValues(t) {
		said[v.path] = true
	}
	allowed := map[string]bool{}
	var walk func(prefix string, schema map[string]any)
	walk = func(prefix string, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		for name, p := range properties {
			path, inner := prefix+name, p.(map[string]any)
			if _, deeper := inner["properties"]; deeper {
				walk(path+".", inner)
			} else if path != "global" { // Helm's own
				allowed[path] = true
			}
		}
	}
	schema, err := os.ReadFile(filepath.Join(chartPath, "values.schema.json"))
	must(t, err)
	walk("", parse(t, string(schema)))
	for path := range allowed {
		if !said[path] {
			t.Errorf("values.yaml does not explain %s", path)
		}
	}
	for path := range said {
		if !allowed[path] {
			t.Errorf("the schema does not know %s", path)
		}
	}
	if len(allowed) < 50 {
		t.Errorf("only %d values were found", len(allowed))
	}
}
