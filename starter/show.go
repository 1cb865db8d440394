package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

const stamp = "2006-01-02 15:04"

// say writes one line to the reader.
func (c *cli) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// remark writes one line beside the result.
func (c *cli) remark(format string, args ...any) { fmt.Fprintf(c.errs, format+"\n", args...) }

// certificates begins a sentence about so many.
func certificates(n int) string {
	if n == 1 {
		return "1 certificate is"
	}
	return fmt.Sprintf("%d certificates are", n)
}

// when shows an instant in the reader's zone and in UTC.
func (c *cli) when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	here, utc := t.In(c.zone), t.UTC()
	zone, offset := here.Zone()
	switch {
	case offset == 0:
		return utc.Format(stamp) + " UTC"
	case here.Format(time.DateOnly) == utc.Format(time.DateOnly):
		return here.Format(stamp) + " " + zone + " (" + utc.Format("15:04") + " UTC)"
	}
	return here.Format(stamp) + " " + zone + " (" + utc.Format(stamp) + " UTC)"
}

// left says in one word how far the end is.
func (c *cli) left(notAfter time.Time) string {
	if notAfter.IsZero() {
		return "-"
	}
	return cert.LeftUntil(c.now(), notAfter).Short()
}

// leftInWords says the same in a sentence.
func (c *cli) leftInWords(notAfter time.Time) string {
	return cert.LeftUntil(c.now(), notAfter).String()
}

// clean makes a text from outside safe for a terminal and short enough for a table.
func clean(text string, width int) string {
	text = alert.Clean(text)
	if r := []rune(text); width > 0 && len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return text
}

// cleanLines keeps the line breaks of an error, indented.
func cleanLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = alert.Clean(l)
	}
	return strings.Join(lines, "\n  ")
}

// The colours of urgency.
const (
	red    = "31"
	yellow = "33"
	green  = "32"
	blue   = "34"
	bold   = "1"
)

// paint colours a text if the reader's terminal wants it.
func (c *cli) paint(code, text string) string {
	if code == "" || text == "" || !c.colored() {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (c *cli) colored() bool {
	if c.color.value != "auto" {
		return c.color.value == "always"
	}
	f, ok := c.out.(*os.File)
	if !ok || c.getenv("NO_COLOR") != "" || c.getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// stateHue is the colour of a state: of its worst alert while one is open.
func stateHue(state, severity string) string {
	switch state {
	case lifecycle.StateHealthy:
		return green
	case lifecycle.StateSpent:
		return red
	case lifecycle.StateFiring:
		if hue := urgency(alert.Severity(severity)); hue != "" {
			return hue
		}
		return yellow
	case lifecycle.StateWaiting:
		return yellow
	case lifecycle.StateNew, lifecycle.StateRenewing, lifecycle.StateAcknowledged, lifecycle.StatePaused:
		return blue
	}
	return ""
}

// endHue is the colour of how far the end is: as urgent as the worst alert.
func (c *cli) endHue(notAfter time.Time, severity string) string {
	if !notAfter.IsZero() && cert.LeftUntil(c.now(), notAfter).Passed {
		return red
	}
	return urgency(alert.Severity(severity))
}

// urgency is the colour of a severity.
func urgency(s alert.Severity) string {
	switch s {
	case alert.P1:
		return red
	case alert.P2, alert.P3:
		return yellow
	}
	return ""
}
