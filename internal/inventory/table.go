package inventory

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxSpan is how many lines one row may take, by a note with line breaks. A
// quote that was never closed costs no more lines than its own.
const maxSpan = 40

// table reads rows below a header.
func (f *File) table(lines []string, first int, separator rune) error {
	if rest, ok := strings.CutPrefix(strings.ToLower(trim(lines[first])), "sep="); ok { // Excel's own way to say it
		if separator = ','; rest != "" {
			separator = []rune(rest)[0]
		}
		if below := firstLine(lines[first+1:]); below >= 0 {
			first += 1 + below
		}
	}
	titles, next, err := record(lines, first, separator)
	if err != nil {
		return fmt.Errorf("line %d: the header cannot be read: %w", first+1, err)
	}
	header, err := f.readHeader(first+1, titles)
	if err != nil {
		return err
	}
	for i := next; i < len(lines); i = next {
		if next = i + 1; blank(lines[i]) || comment(lines[i]) {
			continue
		}
		var cells []string
		if cells, next, err = record(lines, i, separator); err != nil {
			f.Rows = append(f.Rows, Row{Line: i + 1, Text: trim(lines[i]), Err: err})
			continue
		}
		if row, filled := rowOf(i+1, header, cells); filled {
			f.Rows = append(f.Rows, row)
		}
	}
	return nil
}

// record reads the cells that begin in a line, and says where the next begin.
func record(lines []string, at int, separator rune) (cells []string, next int, err error) {
	text := lines[at]
	end := at + 1
	for strings.Count(text, `"`)%2 != 0 && end < len(lines) && end-at < maxSpan {
		text += "\n" + lines[end]
		end++
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = separator, -1
	cells, err = r.Read()
	if err == nil {
		_, err = r.Read()
		if errors.Is(err, io.EOF) {
			return cells, end, nil
		}
	}
	return nil, at + 1, errors.New(`its quotes do not match; a cell with quotes is written "like ""this"""`)
}

// rowOf puts cells into their places; an empty line of a spreadsheet is no row.
func rowOf(line int, header []column, cells []string) (Row, bool) {
	row := Row{Line: line}
	get := map[column]string{}
	filled := false
	for i, cell := range cells {
		cell = trim(cell)
		if cell == "-" { // how people write that there is none
			cell = ""
		}
		filled = filled || cell != ""
		switch {
		case i < len(header) && header[i] != "":
			get[header[i]] = cell
		case i >= len(header) && cell != "":
			row.Err = fmt.Errorf("it has %d cells, more than the header's %d; put a cell with the separator in it into quotes", len(cells), len(header))
		}
	}
	row.Text = get[colHost]
	if row.Err == nil {
		row.Err = row.fill(get)
	}
	return row, filled
}
