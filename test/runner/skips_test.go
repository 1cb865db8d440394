package main

import (
	"strings"
	"testing"
)

func TestOnlyNamedSkipsAreAllowed(t *testing.T) {
	r, _ := readStream(t, stream)
	allowed, err := parseAllowed("list", "# comment\n\na TestAway # there is no nginx in this story\na TestGone # it was removed\na TestTable/two/deep # its parent failed\n")
	if err != nil {
		t.Fatal(err)
	}
	if bad := unallowed(r, allowed); len(bad) != 1 || bad[0].pkg != "m/away" {
		t.Errorf("not allowed: %v, want only the package away", bad)
	}
	if old := stale(r, allowed); len(old) != 1 || old[0].test != "TestGone" || old[0].line != 4 {
		t.Errorf("stale: %v, want only TestGone of line 4", old)
	}
}

func TestALineOfTheAllowListSaysWhy(t *testing.T) {
	for _, line := range []string{"a TestAway", "a TestAway #", "TestAway # why", "a b c # why"} {
		if _, err := parseAllowed("list", "\n"+line); err == nil || !strings.Contains(err.Error(), "list:2") {
			t.Errorf("%q: %v, want an error that names the line", line, err)
		}
	}
}
