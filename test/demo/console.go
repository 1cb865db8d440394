package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// console prints what is seen, one line at a time, from many goroutines.
type console struct {
	mu    sync.Mutex
	out   io.Writer
	color bool
	now   func() time.Time
	heard func(string) // of what belongs to no scene, too
}

func newConsole(out *os.File) *console {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &console{out: out, color: terminal, now: time.Now}
}

// The colours of the scenes, and what is set back.
var tints = []string{"36", "33", "35", "32", "31", "34"}

const dim = "2"

func (c *console) paint(code, s string) string {
	if !c.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// say prints a line that belongs to no scene.
func (c *console) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	fmt.Fprintln(c.out, text)
	if c.heard != nil {
		c.heard(text)
	}
}

// line is one thing that was seen.
type line struct {
	scene scene
	from  string   // where it was seen: CA, slack, mail, journal, handshake, shell
	text  string   // in plain words
	link  string   // into the Temporal Web UI; empty if none
	quote []string // words of others, shown as they are below the line
}

// tell prints what was seen: time, scene, where, what, link.
func (c *console) tell(l line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tint := tints[(l.scene.number+len(tints)-1)%len(tints)]
	number := " "
	if l.scene.number > 0 {
		number = strconv.Itoa(l.scene.number)
	}
	tag := fmt.Sprintf("%s %-10s", number, l.scene.tag)
	text := printable(l.text)
	if l.link != "" {
		text += "  " + c.paint(dim, l.link)
	}
	fmt.Fprintf(c.out, "%s  %s %s %s\n", c.paint(dim, c.now().Format("15:04:05")), c.paint(tint, tag), c.paint(dim, fmt.Sprintf("%-9s", l.from)), text)
	for _, q := range l.quote {
		for _, part := range wrap(printable(q), quoteWidth) {
			fmt.Fprintf(c.out, "%s%s %s\n", strings.Repeat(" ", 33), c.paint(tint, "|"), part)
		}
	}
}

// printable takes out what could drive the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r == utf8.RuneError || 0x80 <= r && r < 0xa0:
			return '?'
		}
		return r
	}, s)
}

// table prints rows under each other; the last column may be of any width.
func (c *console) table(rows [][]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	width := map[int]int{}
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString(cell)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		fmt.Fprintln(c.out, "  "+b.String())
	}
}

// quoteWidth is how long the lines of a quote are at most, words permitting.
const quoteWidth = 140

// wrap breaks a line between words and loses none; what follows is indented
// like the line and a little more.
func wrap(s string, width int) []string {
	indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
	var out []string
	now := indent
	for _, word := range strings.Fields(s) {
		if len(now) > len(indent)+2 && utf8.RuneCountInString(now)+1+utf8.RuneCountInString(word) > width {
			out = append(out, now)
			now = indent + "   "
		}
		if strings.TrimSpace(now) != "" {
			now += " "
		}
		now += word
	}
	return append(out, now)
}

// cut keeps the beginning of a text.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// minutes shows a duration in minutes.
func minutes(d time.Duration) string { return fmt.Sprintf("%d min", int(d.Minutes())) }

// whole shows a duration in seconds.
func whole(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds())) }

// Write says whole lines of another program.
func (c *console) Write(p []byte) (int, error) {
	for l := range strings.Lines(string(p)) {
		c.say("%s", printable(strings.TrimRight(l, "\n")))
	}
	return len(p), nil
}
