package main

import (
	"io"
	"strings"
	"unicode"
)

// table is text in aligned columns. Cells are clean already; the colour of a
// cell does not count for its width.
type table struct {
	head   []string
	rows   [][]string
	colors map[[2]int]string // by row and column
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// color paints a cell of the row added last.
func (t *table) color(column int, code string) {
	if t.colors == nil {
		t.colors = map[[2]int]string{}
	}
	t.colors[[2]int{len(t.rows) - 1, column}] = code
}

// write prints the table; every line begins with indent and has no blanks at its end.
func (t *table) write(w io.Writer, indent string, paint func(code, text string) string) error {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	line := func(cells []string, code func(column int) string) string {
		var b strings.Builder
		b.WriteString(indent)
		for i, cell := range cells {
			b.WriteString(paint(code(i), cell))
			if i < len(cells)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-width(cell)+2))
			}
		}
		return strings.TrimRight(b.String(), " ") + "\n"
	}
	var b strings.Builder
	b.WriteString(line(t.head, func(int) string { return bold }))
	for r, row := range t.rows {
		b.WriteString(line(row, func(column int) string { return t.colors[[2]int{r, column}] }))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wide are the scripts whose letters take two places on a terminal.
var wide = []*unicode.RangeTable{
	unicode.Hangul, unicode.Han, unicode.Hiragana, unicode.Katakana,
	{R16: []unicode.Range16{{Lo: 0x3000, Hi: 0x303e, Stride: 1}, {Lo: 0xff01, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1}}},
}

func width(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.In(r, wide...):
			n += 2
		default:
			n++
		}
	}
	return n
}
