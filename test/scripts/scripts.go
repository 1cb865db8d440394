// Package scripts runs the CLI's scenarios: txtar files in the words that an
// operator types. Those in this folder need a real engine and worker and are
// run by the end-to-end tests; those beside the CLI need neither.
package scripts

import (
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Run runs every script of a folder. Program is the built neverlapse; empty if
// the test binary stands in for it (testscript.Main). Env is given to the
// scripts ("NAME=value"); those of this folder need
//
//	ENDPOINT  host:port that serves a certificate with more than 30 days left
//	SHORT     host:port that serves one of 90 days with two left
//	MIDDLE    host:port that serves one of 90 days with 14 left
//	OWNER     a person of the worker's directory
//	OTHER     another one
//	WATCHED   a certificate that is enrolled and only watched
//
// and whatever leads the CLI to the engine (NEVERLAPSE_TEMPORAL_ADDRESS,
// NEVERLAPSE_TEMPORAL_TASK_QUEUE). Beside testscript's own commands they have
//
//	exits CODE PROGRAM ARGS...          runs it and compares the exit code
//	eventually PATTERN PROGRAM ARGS...  until its output matches, for 90 s
//	certificate FILE LIFETIME LEFT NAME...  writes a chain, its key to FILE.key and its root to roots.pem
//	serve VARIABLE FILE                 serves it by TLS, and sets VARIABLE to host:port
//	keep DATA NAME FILE                 puts it into the store of a data folder as the live version
func Run(t *testing.T, dir, program string, env ...string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			if program != "" {
				e.Setenv("PATH", filepath.Dir(program)+string(filepath.ListSeparator)+e.Getenv("PATH"))
			}
			for _, pair := range env {
				name, value, _ := strings.Cut(pair, "=")
				e.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "eventually": eventually, "certificate": certificate, "serve": serve, "keep": keep,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN PROGRAM ARGS...")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("output never matched %q; the last error was %v", args[0], err)
		}
	}
}
