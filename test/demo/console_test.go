package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

func plainConsole(out *bytes.Buffer) *console {
	return &console{out: out, now: func() time.Time { return time.Date(2026, 11, 23, 9, 8, 7, 0, time.UTC) }}
}

func TestALineTellsTimeSceneSourceAndLink(t *testing.T) {
	var out bytes.Buffer
	plainConsole(&out).tell(line{scene: scenes[0], from: "journal", text: "all\x1b[2J is\nwell", link: "http://ui/x", quote: []string{"  said"}})
	want := "09:08:07  1 renewal    journal   all?[2J is well  http://ui/x\n" + strings.Repeat(" ", 33) + "|   said\n"
	if out.String() != want {
		t.Errorf("%q\nwant\n%q", out.String(), want)
	}
}

func TestAQuoteIsWrappedBetweenWordsAndLosesNone(t *testing.T) {
	text := "  - " + strings.Repeat("word ", 20) + strings.Repeat("x", 80) + " end"
	got := wrap(text, 40)
	if strings.Join(strings.Fields(strings.Join(got, " ")), " ") != strings.Join(strings.Fields(text), " ") {
		t.Errorf("words were lost: %q", got)
	}
	for _, l := range got {
		if !strings.HasPrefix(l, "  ") || len(l) > 40 && !strings.Contains(l, "xxx") {
			t.Errorf("%q", l)
		}
	}
	if got := wrap("short", 40); !slices.Equal(got, []string{"short"}) {
		t.Errorf("%q", got)
	}
}

func TestATableAlignsItsColumns(t *testing.T) {
	var out bytes.Buffer
	plainConsole(&out).table([][]string{{"A", "B"}, {"long", "x"}})
	if out.String() != "  A     B\n  long  x\n" {
		t.Errorf("%q", out.String())
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	c := plainConsole(&bytes.Buffer{})
	if got := c.paint("31", "x"); got != "x" {
		t.Errorf("%q", got)
	}
	c.color = true
	if got := c.paint("31", "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("%q", got)
	}
}
