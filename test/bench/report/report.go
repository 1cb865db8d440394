// Package report is what both benchmarks say of the machine, and how they put
// their tables into a document. It measures nothing.
package report

import (
	"fmt"
	"os"
	"strings"
)

// Word is the i-th word of a file of /proc; "unknown" where there is none.
func Word(file string, i int) string {
	data, err := os.ReadFile(file)
	if words := strings.Fields(string(data)); err == nil && i < len(words) {
		return words[i]
	}
	return "unknown"
}

// LoadAverage is that of the last minute.
func LoadAverage() string { return Word("/proc/loadavg", 0) }

// Keep puts text between the marks of a name in a file; without them it refuses,
// and the file stays as it is.
func Keep(file, name, text string) error {
	begin, end := fmt.Sprintf("<!-- %s:begin -->\n", name), fmt.Sprintf("<!-- %s:end -->", name)
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(data), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no place between %s and %s", file, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(file, []byte(head+begin+text+end+tail), 0o644)
}
