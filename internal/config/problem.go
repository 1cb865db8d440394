package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// problem is one thing that is wrong, at one place.
type problem struct {
	path string
	text string // follows the path, separator included
	// meant is the path of the known key that an unknown one stands for.
	meant string
}

func (p problem) Error() string { return p.path + p.text }

func wrong(path, format string, args ...any) problem {
	return problem{path: path, text: ": " + fmt.Sprintf(format, args...)}
}

// Under puts path before every error that is joined in err, so that what an
// adapter's Validate says of its field "key" reads targets[0].options.key. An
// error that names no field is about path itself.
func Under(path string, err error) error {
	var errs []error
	for _, e := range parts(err) {
		between := ": "
		if aboutField.MatchString(e.Error()) {
			between = "."
		}
		errs = append(errs, fmt.Errorf("%s%s%w", path, between, e))
	}
	return errors.Join(errs...)
}

// aboutField is how an error begins that is about a field: its path in YAML.
var aboutField = regexp.MustCompile(`^[a-z0-9_]+(\[\d+\])*(\.[a-z0-9_]+(\[\d+\])*)*:`)

// parts takes joined errors apart.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() { // it says more than its parts
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, parts(e)...)
	}
	return out
}

// beside gives those errors of a validation that do not merely repeat what
// problems say of the same place.
func beside(problems []problem, validation error) []error {
	var out []error
	for _, err := range parts(validation) {
		path, _, _ := strings.Cut(err.Error(), ": ")
		if !said(problems, path) {
			out = append(out, err)
		}
	}
	return out
}

func said(problems []problem, path string) bool {
	for _, p := range problems {
		for _, at := range []string{p.path, p.meant} {
			if rest, below := strings.CutPrefix(path, at); at != "" && below && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				return true
			}
		}
	}
	return false
}
