package main

import (
	"fmt"
	"os"
	"strings"
)

// allowance is one line of the allow-list: a test that CI may skip, and why.
type allowance struct {
	pkg, test, why string
	line           int
}

// readAllowed reads the allow-list: lines of `package Test # why`.
func readAllowed(file string) ([]allowance, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseAllowed(file, string(data))
}

func parseAllowed(file, text string) ([]allowance, error) {
	var out []allowance
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		names, why, _ := strings.Cut(line, " # ")
		f := strings.Fields(names)
		if len(f) != 2 || strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("%s:%d: %q is not `package Test # why`", file, i+1, line)
		}
		out = append(out, allowance{pkg: f[0], test: f[1], why: strings.TrimSpace(why), line: i + 1})
	}
	return out, nil
}

// unallowed are the skips that no line allows.
func unallowed(r *results, allowed []allowance) (out []*testResult) {
	for _, t := range r.order {
		if t.outcome == skipped && !allows(allowed, r.short(t.pkg), t.name) {
			out = append(out, t)
		}
	}
	return out
}

func allows(allowed []allowance, pkg, test string) bool {
	for _, a := range allowed {
		if a.pkg == pkg && a.test == test {
			return true
		}
	}
	return false
}

// stale are the lines whose test did not come along at all. A test whose parent
// was skipped or did not pass may have been in the way of it.
func stale(r *results, allowed []allowance) (out []allowance) {
	for _, a := range allowed {
		name, found := a.test, false
		for name != "" && !found {
			for _, t := range r.order {
				if r.short(t.pkg) == a.pkg && t.name == name && (name == a.test || t.outcome != passed) {
					found = true
				}
			}
			name = name[:max(0, strings.LastIndexByte(name, '/'))]
		}
		if !found && a.test != wholePackage {
			out = append(out, a)
		}
	}
	return out
}
