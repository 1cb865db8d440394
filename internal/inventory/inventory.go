// Package inventory reads the lists of endpoints that people keep: plain lines,
// or a table out of a spreadsheet, in the encodings in which such files arrive.
// Every line is read by itself, so that a bad one does not stop the others. It
// is pure: starter gives it the bytes and enrols what it finds; whether a host
// answers or an owner exists is asked elsewhere.
package inventory

import (
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// The most that one file may hold. Larger inventories are split, so that one
// summary of an import stays readable and within what a workflow can carry.
const (
	MaxBytes = 16 << 20
	MaxRows  = 10_000
)

// Row is one line that names an endpoint. If Err is set, the line is bad: Err
// says what is wrong and how to mend it, and the other fields count for nothing.
type Row struct {
	Line     int    // where it begins, from 1
	Text     string // the host as it was written, to call the row by; hostile
	Name     string // of the certificate: as given, or made from the host
	Given    bool   // Name was written by somebody
	Endpoint cert.Endpoint
	Owner    string
	Team     string

	Environment, Policy, Note string

	Err error
}

// File is what was read.
type File struct {
	Rows     []Row
	Remarks  []string // what was passed over, for the reader to know
	Encoding string   // UTF-8, UTF-16 or CP949
}

// Read reads a whole file. Its error says what is wrong with the file as a
// whole; what is wrong with a line is in its row.
func Read(data []byte) (File, error) {
	if len(data) > MaxBytes {
		return File{}, fmt.Errorf("the file has %d bytes, more than the %d that are read at once; split it", len(data), MaxBytes)
	}
	text, encoding, err := decode(data)
	if err != nil {
		return File{}, err
	}
	f := File{Encoding: encoding}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	first := firstLine(lines)
	if first < 0 {
		return f, fmt.Errorf("the file names no host; write one HOST[:PORT] a line, or a table whose first line is a header like host,port,owner")
	}
	if separator, is := tabular(lines[first]); is {
		err = f.table(lines, first, separator)
	} else {
		f.plain(lines)
	}
	if err == nil && len(f.Rows) > MaxRows {
		err = fmt.Errorf("the file has %d rows, more than the %d that are enrolled at once; split it", len(f.Rows), MaxRows)
	}
	if err != nil {
		return f, err
	}
	f.name()
	f.findRepeated()
	return f, nil
}

// plain reads one HOST[:PORT] a line.
func (f *File) plain(lines []string) {
	for i, line := range lines {
		if line = uncommented(line); blank(line) {
			continue
		}
		row := Row{Line: i + 1, Text: trim(line)}
		row.Endpoint, row.Err = place(row.Text, "", "")
		f.Rows = append(f.Rows, row)
	}
}

// firstLine is the first that says something; -1 if none does.
func firstLine(lines []string) int {
	for i, line := range lines {
		if !blank(line) && !comment(line) {
			return i
		}
	}
	return -1
}

// uncommented cuts a comment off: a # that begins a line or follows a blank. One
// that follows a host names the SNI.
func uncommented(line string) string {
	for i, r := range line {
		if r == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

func blank(line string) bool   { return trim(line) == "" }
func comment(line string) bool { return strings.HasPrefix(trim(line), "#") }
