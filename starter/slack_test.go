package main

import (
	"testing"

	"github.com/neverlapse/neverlapse/test/scripts"
)

func TestSlackScripts(t *testing.T) { scripts.RunSlack(t, "testdata/slack") }
