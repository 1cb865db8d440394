package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// It holds that what is counted is counted, and nothing about speed.
func TestEveryContenderGetsItsCertificatesAndNoMore(t *testing.T) {
	if os.Getenv("NEVERLAPSE_ENGINE") == "" && os.Getenv("NEVERLAPSE_REQUIRE_SERVERS") == "" {
		t.Skip("NEVERLAPSE_ENGINE names no engine; set it to what test/servers/build-engine.sh prints")
	}
	t.Chdir("../..")
	const n = 4
	rows, alone, text, err := compete(n, 2, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(contenders) {
		t.Fatalf("%d of %d contenders came to an end", len(rows), len(contenders))
	}
	for _, r := range rows {
		if r.issued != n || r.rate <= 0 || r.p50 <= 0 || r.p95 < r.p50 || !strings.Contains(text, r.name) {
			t.Errorf("%s, in\n%s", r, text)
		}
		whole := r.name == "neverlapse"
		if (r.each.worker > 0) != whole || (r.each.engine > 0) != whole {
			t.Errorf("%s: the processor time is of other programs: %s", r.name, r.each)
		}
	}
	for _, step := range []string{"order", "authorize", "finalize", "prove"} {
		if !slices.ContainsFunc(alone.steps, func(s renewalStep) bool { return s.what == step && s.ran > 0 }) {
			t.Errorf("the renewal that had everything for itself shows no %s:\n%s", step, alone)
		}
	}
}

func TestTheTableReplacesTheOneBefore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("before\n"+begin+"old\n"+end+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keep(file, "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "before\n"+begin+"new\n"+end+"\nafter\n" {
		t.Errorf("%v\n%s", err, got)
	}
	if err := os.WriteFile(file, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := keep(file, "new\n"); err == nil {
		t.Error("a page without a place for the table was changed")
	}
}
