package main

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/neverlapse/neverlapse/test/scripts"
)

var update = flag.Bool("update", false, "write golden files and docs/cli.md")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"neverlapse": main})
}

func TestScripts(t *testing.T) { scripts.Run(t, "testdata/script", "") }
