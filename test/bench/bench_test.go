package main

import (
	"os"
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
