package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/neverlapse/neverlapse/test/scripts"
)

var update = flag.Bool("update", false, "write golden files and docs/cli.md")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"neverlapse": main})
}

func TestScripts(t *testing.T) { scripts.Run(t, "testdata/script", "") }

// TestEveryVerbHasAScript: with an engine, without one, or in a folder of its own.
func TestEveryVerbHasAScript(t *testing.T) {
	for _, cmd := range newCLI(nil, nil, nil).root().Commands() {
		found := slices.ContainsFunc([]string{"../test/scripts/%s.txtar", "testdata/script/%s.txtar", "testdata/%s/*.txtar"}, func(form string) bool {
			files, err := filepath.Glob(fmt.Sprintf(form, cmd.Name()))
			return err == nil && len(files) > 0
		})
		if !found && cmd.Name() != "help" {
			t.Errorf("no script is about %s; write test/scripts/%s.txtar", cmd.Name(), cmd.Name())
		}
	}
}
