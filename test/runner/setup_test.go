package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// onDebian gives a workshop that needs a program which nobody has, on a machine
// whose apt-get does what the script says. The folder is first in PATH.
func onDebian(t *testing.T, apt string) (w *workshop, printed *strings.Builder, folder string) {
	t.Helper()
	folder = t.TempDir()
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	for name, script := range map[string]string{"apt-get": apt, "sudo": "shift; exec \"$@\""} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\ncd "+folder+"\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	printed = &strings.Builder{}
	return &workshop{out: printed, needs: []need{{"a-server", []string{"a-package"}, "its tests"}}}, printed, folder
}

func TestWhatIsMissingIsInstalledAndSaid(t *testing.T) {
	w, printed, folder := onDebian(t, `echo "$@" >>calls; [ "$1" = update ] || { cp apt-get a-server; }`)
	w.settings.ci = true
	if err := w.setUp(t.Context()); err != nil && !strings.Contains(err.Error(), "race detector") {
		t.Fatal(err)
	}
	calls, err := os.ReadFile(filepath.Join(folder, "calls"))
	if want := "update -q\ninstall -q -y --no-install-recommends a-package\n"; err != nil || string(calls) != want {
		t.Errorf("apt-get was asked for %q, want %q: %v", calls, want, err)
	}
	if len(w.missing) > 0 || !strings.Contains(printed.String(), "installing by apt-get: a-package") {
		t.Errorf("missing %q; printed:\n%s", w.missing, printed)
	}
}

func TestWhatStaysMissingIsNamedAndFailsInCI(t *testing.T) {
	w, printed, _ := onDebian(t, `echo "no such package" >&2; exit 100`)
	if err := w.setUp(t.Context()); err != nil {
		t.Errorf("outside CI the tests go on: %v", err)
	}
	if len(w.missing) != 1 || !strings.Contains(w.missing[0], "a-server, for its tests") || !strings.Contains(printed.String(), "no such package") {
		t.Errorf("missing %q; printed:\n%s", w.missing, printed)
	}
	if env := strings.Join(w.environment(), "\n"); strings.Contains(env, "NEVERLAPSE_REQUIRE_SERVERS") {
		t.Error("tests are told that every server is there")
	}
	w, _, _ = onDebian(t, `exit 100`)
	w.settings.ci = true
	if err := w.setUp(t.Context()); err == nil || !strings.Contains(err.Error(), "a-server") {
		t.Errorf("in CI: %v, want an error that names a-server", err)
	}
}
