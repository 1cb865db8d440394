package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOptionsThatCannotWorkAreRefusedTogether(t *testing.T) {
	err := Options{IP: "here", Port: 70000, UIPort: -1, StartTimeout: -1}.Validate()
	refused(t, err, "DataDir", `"here"`, "70000", "UIPort -1", "StartTimeout")
	refused(t, Options{DataDir: "x", Port: 7233, UIPort: 7233}.Validate(), "both 7233")
	if err := (Options{DataDir: "x"}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestNoServerAnywhereSaysWhereItLookedAndHowToGetOne(t *testing.T) {
	t.Setenv("NEVERLAPSE_ENGINE", "")
	t.Setenv("PATH", t.TempDir())
	_, err := findBinary("")
	refused(t, err, "$NEVERLAPSE_ENGINE", "neverlapse-engine in PATH", "temporal in PATH", "make engine", "temporal.address")
}

func TestTheServerIsLookedForInOrder(t *testing.T) {
	put := func(name string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cli, inPath, inEnv, named := put("temporal"), put("neverlapse-engine"), put("from-env"), put("named")
	want := func(explicit, path string) {
		t.Helper()
		if got, err := findBinary(explicit); err != nil || got != path {
			t.Errorf("got %s (%v), want %s", got, err, path)
		}
	}
	t.Setenv("NEVERLAPSE_ENGINE", "")
	t.Setenv("PATH", filepath.Dir(cli))
	want("", cli)
	t.Setenv("PATH", filepath.Dir(cli)+":"+filepath.Dir(inPath))
	want("", inPath)
	t.Setenv("NEVERLAPSE_ENGINE", inEnv)
	want("", inEnv)
	want(named, named)

	_, err := findBinary("/no/such/engine")
	refused(t, err, "/no/such/engine")
	t.Setenv("NEVERLAPSE_ENGINE", "/gone")
	_, err = findBinary("")
	refused(t, err, "$NEVERLAPSE_ENGINE", "/gone")
}

func TestTheServerVersionIsReadFromBothBinaries(t *testing.T) {
	for out, want := range map[string]string{
		"neverlapse-engine (Server 1.32.1, UI 2.55.0)":            "1.32.1",
		"temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)":       "1.29.1",
		"temporal version 1.6.0 (Server 1.31.0-151.6, UI 2.45.0)": "1.31.0-151.6",
	} {
		if got := reported.FindStringSubmatch(out); got == nil || got[1] != want {
			t.Errorf("%s: got %v", out, got)
		}
	}
	_, err := serverVersion(t.Context(), "/bin/echo")
	refused(t, err, "names no Temporal server")
}

func TestADatabaseOfAnotherServerIsNotPassedOver(t *testing.T) {
	o := fake(t)
	old := filepath.Join(o.DataDir, "engine-1.31.0.db")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), o)
	refused(t, err, "engine-1.31.0.db", "engine-9.9.9.db", "mv")
	if err := os.Rename(old, filepath.Join(o.DataDir, "engine-9.9.9.db")); err != nil {
		t.Fatal(err)
	}
	start(t, o)
}

func TestTheServerIsToldOurSearchAttributesAndNoSecret(t *testing.T) {
	t.Setenv("SLACK_TOKEN", "xoxb-secret")
	t.Setenv("TEMPORAL_ADDRESS", "elsewhere:7233")
	o := fake(t)
	start(t, o)
	args, err := os.ReadFile(filepath.Join(o.DataDir, "args"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"severity=Keyword", "notAfter=Datetime", "names=KeywordList", "journal_mode=WAL", "synchronous=NORMAL", "engine-9.9.9.db"} {
		if !strings.Contains(string(args), want) {
			t.Errorf("argv lacks %s: %s", want, args)
		}
	}
	env, err := os.ReadFile(filepath.Join(o.DataDir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(strings.Split(string(env), "\n"), func(s string) bool { return strings.HasPrefix(s, "PATH=") }) {
		t.Errorf("the environment has no PATH: %s", env)
	}
	for _, leak := range []string{"xoxb-secret", "elsewhere"} {
		if strings.Contains(string(env), leak) {
			t.Errorf("the environment has %s", leak)
		}
	}
}

func TestALogThatGrowsTooLongMakesRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.log")
	long := strings.Repeat("trouble\n", 2000)
	if err := os.WriteFile(path, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tail(path, 0); len(got) > tailSize || !strings.HasPrefix(got, "trouble\n") {
		t.Errorf("tail is %d bytes, begins %q", len(got), got[:10])
	}
	if got := tail(path, int64(len(long)-8)); got != "trouble" {
		t.Errorf("tail from the last line: %q", got)
	}
	if err := rotate(path, int64(len(long))); err != nil || logSize(path) != int64(len(long)) {
		t.Errorf("a log at its limit was touched (%v)", err)
	}
	if err := rotate(path, 100); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(path + ".1"); err != nil || string(kept) != long || logSize(path) != 0 {
		t.Errorf("kept %d bytes (%v), left %d", len(kept), err, logSize(path))
	}
}
