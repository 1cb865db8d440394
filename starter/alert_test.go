package main

import (
	"testing"

	"github.com/neverlapse/neverlapse/test/scripts"
)

func TestAlertScripts(t *testing.T) { scripts.RunAlert(t, "testdata/alert") }
