package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress is a bar on the reader's terminal; nowhere else is anything written.
type progress struct {
	out         io.Writer // nil: nobody watches
	done, whole int
	files       int // beside those, of which nobody knows how many there are
	drawn       time.Time
}

// redraw is how often at most the bar is drawn.
const redraw = 50 * time.Millisecond

func (c *cli) newProgress(whole int) *progress {
	p := &progress{whole: whole}
	if f, ok := c.errs.(*os.File); ok && c.getenv("TERM") != "dumb" {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.out = f
		}
	}
	return p
}

// step counts one more and draws the bar.
func (p *progress) step() {
	p.done++
	p.draw()
}

// file counts a file.
func (p *progress) file() {
	p.files++
	p.draw()
}

func (p *progress) draw() {
	const width = 30
	if p.out == nil || time.Since(p.drawn) < redraw && (p.done < p.whole || p.files > 0) {
		return
	}
	p.drawn = time.Now()
	if p.files > 0 {
		fmt.Fprintf(p.out, "\r%d files, %d/%d endpoints", p.files, p.done, p.whole)
		return
	}
	full := width * p.done / max(p.whole, 1)
	fmt.Fprintf(p.out, "\r[%s%s] %d/%d", strings.Repeat("=", full), strings.Repeat(" ", width-full), p.done, p.whole)
}

// clear takes the bar away, for something else to be written.
func (p *progress) clear() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// end takes it away for good.
func (p *progress) end() {
	p.clear()
	p.out = nil
}
