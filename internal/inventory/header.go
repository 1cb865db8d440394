package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// column is what a cell says.
type column string

const (
	colHost        column = "host"
	colPort        column = "port"
	colName        column = "name"
	colSNI         column = "sni"
	colOwner       column = "owner"
	colTeam        column = "team"
	colEnvironment column = "environment"
	colPolicy      column = "policy"
	colNote        column = "note"
)

// aliases are the names under which columns are known, in the order in which
// they are told; the first of each is its own.
var aliases = []struct {
	column column
	names  []string
}{
	{colHost, []string{"host", "hostname", "호스트", "호스트명", "도메인"}},
	{colPort, []string{"port", "포트"}},
	{colOwner, []string{"owner", "담당자"}},
	{colTeam, []string{"team", "팀", "담당팀", "부서"}},
	{colEnvironment, []string{"environment", "env", "환경"}},
	{colNote, []string{"note", "notes", "비고", "메모"}},
	{colName, []string{"name", "cert-name", "이름", "인증서명"}},
	{colSNI, []string{"sni", "servername"}},
	{colPolicy, []string{"policy", "정책"}},
}

func columns() string {
	var out []string
	for _, a := range aliases {
		out = append(out, a.names[0])
	}
	return strings.Join(out, ", ")
}

func columnOf(title string) (column, bool) {
	title = strings.NewReplacer(" ", "", "_", "-").Replace(strings.ToLower(trim(title)))
	for _, a := range aliases {
		if slices.Contains(a.names, title) {
			return a.column, true
		}
	}
	return "", false
}

// tabular reports whether a first line is the header of a table, and by what
// its cells are separated. One that has a separator but names no host is a
// table without a header; reading the header says so.
func tabular(line string) (separator rune, is bool) {
	best := rune(0)
	for _, s := range ",;\t" {
		if !strings.ContainsRune(line, s) {
			continue
		}
		if best == 0 {
			best = s
		}
		for _, cell := range strings.Split(line, string(s)) {
			if c, ok := columnOf(strings.Trim(trim(cell), `"`)); ok && c == colHost {
				return s, true
			}
		}
	}
	if c, ok := columnOf(strings.Trim(trim(line), `"`)); ok && c == colHost {
		return ',', true
	}
	return best, best != 0
}

// readHeader says which column is which; unknown ones are passed over, unless
// they look like a known one that was misspelt.
func (f *File) readHeader(line int, titles []string) ([]column, error) {
	out := make([]column, len(titles))
	for i, title := range titles {
		c, known := columnOf(title)
		switch {
		case known && slices.Contains(out, c):
			return nil, fmt.Errorf("line %d: the header names the column %s twice; remove one", line, c)
		case known:
			out[i] = c
		case blank(title):
		case similar(title) != "":
			return nil, fmt.Errorf("line %d: the column %q is not known; did you mean %s? Mend it, or remove the column", line, trim(title), similar(title))
		default:
			f.Remarks = append(f.Remarks, fmt.Sprintf("the column %q is not known and is passed over; known are %s", trim(title), columns()))
		}
	}
	if !slices.Contains(out, colHost) {
		return nil, fmt.Errorf("line %d: the table has no column host; its first line must name the columns: %s", line, columns())
	}
	return out, nil
}

// similar finds the column whose name is one slip away; "" if there is none.
func similar(title string) column {
	title = strings.ToLower(trim(title))
	for _, a := range aliases {
		for _, name := range a.names {
			if len([]rune(name)) >= 4 && slip(title, name) {
				return a.column
			}
		}
	}
	return ""
}

// slip reports whether two words differ by one letter that is too many, missing
// or another one, or by two neighbours that changed places.
func slip(a, b string) bool {
	x, y := []rune(a), []rune(b)
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	swapped := len(x) == 2 && len(y) == 2 && x[0] == y[1] && x[1] == y[0]
	return swapped || len(x) <= 1 && len(y) <= 1
}
