package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// progress is a bar on the reader's terminal; nowhere else is anything written.
type progress struct {
	out         io.Writer // nil: nobody watches
	done, whole int
}

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
	const width = 30
	p.done++
	if p.out == nil {
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
