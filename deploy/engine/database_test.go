package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/server/common/headers"
)

func TestADatabaseOfAnotherServer(t *testing.T) {
	ours := encodeVersion(headers.ServerVersion)
	for name, c := range map[string]struct {
		change string // SQL run on a file that this engine made
		want   string // part of the refusal; empty: the file is opened
	}{
		"is opened when it is ours":                               {"", ""},
		"is opened when a patch version before laid it out alike": {fmt.Sprintf("PRAGMA user_version = %d", ours-1), ""},
		"is opened when one minor before laid it out alike":       {fmt.Sprintf("PRAGMA user_version = %d", ours-1000), ""},
		"is opened when the temporal CLI laid it out alike":       {"PRAGMA user_version = 0", ""},
		"is refused when it is newer":                             {fmt.Sprintf("PRAGMA user_version = %d", ours+1), "build the newer engine again"},
		"is refused when minors were skipped":                     {fmt.Sprintf("PRAGMA user_version = %d", ours-2000), "does not migrate it"},
		"is refused when its tables differ":                       {"PRAGMA user_version = 1; DROP TABLE task_queues", "does not migrate it"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			if err := prepareFile(path); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(c.change); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			err = prepareFile(path)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
					t.Fatalf("got %v, want a refusal naming the file and saying %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if v, _, err := inspect(path); err != nil || v != ours {
				t.Fatalf("marked %d (%v), want %d", v, err, ours)
			}
		})
	}
}

func TestAFileThatIsNoDatabaseIsRefusedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	text := strings.Repeat("remember the milk\n", 100)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := prepareFile(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatalf("got %v, want a refusal naming the file", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Fatalf("the file was changed (%v)", err)
	}
}

func TestAHalfMadeDatabaseIsMadeAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path+".new", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := prepareFile(path); err != nil {
		t.Fatal(err)
	}
}

func TestFlagsAreRefusedByName(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--bogus", "-bogus"},
		{"--port 0", "--port 0"},
		{"--ip example.com", `"example.com" is not an IP address`},
		{"--log-level loud", "--log-level"},
		{"--search-attribute a=Colour", "Colour"},
		{"--sqlite-pragma WAL", "NAME=VALUE"},
		{"--dynamic-config-value k={", "not JSON"},
		{"stray", "stray"},
	} {
		if _, err := parseFlags(strings.Fields(c.args)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want it to say %q", c.args, err, c.want)
		}
	}
}
