package main

import (
	"os"
	"testing"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	terminal, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as terminals are
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	for name, tc := range map[string]struct {
		env   []string
		color string
		want  bool
	}{
		"a terminal":           {nil, "auto", true},
		"NO_COLOR":             {[]string{"NO_COLOR=1"}, "auto", false},
		"an empty NO_COLOR":    {[]string{"NO_COLOR="}, "auto", true}, // no-color.org: when not an empty string
		"a dumb one":           {[]string{"TERM=dumb"}, "auto", false},
		"never":                {nil, "never", false},
		"always wins":          {[]string{"NO_COLOR=1"}, "always", true},
		"always, for whatever": {[]string{"TERM=dumb"}, "always", true},
	} {
		c := newCLI(tc.env, terminal, terminal)
		c.color.value = tc.color
		if got := c.colored(); got != tc.want {
			t.Errorf("%s: coloured %v", name, got)
		}
	}
}

func TestEveryStateHasItsColour(t *testing.T) {
	want := map[string]string{
		lifecycle.StateHealthy: green, lifecycle.StateRenewing: blue, lifecycle.StateFiring: red, lifecycle.StateAcknowledged: blue,
		lifecycle.StateNew: blue, lifecycle.StateWaiting: yellow, lifecycle.StatePaused: blue, lifecycle.StateSpent: red, lifecycle.StateRetired: "",
	}
	for _, s := range states {
		hue, ok := want[s]
		if got := stateHue(s, "P1"); !ok || got != hue {
			t.Errorf("%s is painted %q, want %q", s, got, hue)
		}
	}
	if stateHue(lifecycle.StateFiring, "P3") != yellow || stateHue(lifecycle.StateFiring, "P4") != yellow {
		t.Error("what fires without hurry is not yellow")
	}
}
