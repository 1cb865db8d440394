package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

// finished gives what a run that saw the stream prints at its end.
func finished(t *testing.T, text string, prepare func(*report)) (ok bool, printed string) {
	t.Helper()
	var b strings.Builder
	results, _ := readStream(t, text)
	r := &report{out: &b, results: results, begin: time.Now()}
	prepare(r)
	ok = r.finish(nil, nil)
	return ok, b.String()
}

func TestTheLastLineAreTheCounts(t *testing.T) {
	last := regexp.MustCompile(`\n\d+ passed, \d+ failed, \d+ skipped\n$`)
	good := `{"Action":"pass","Package":"m/a","Test":"TestGood","Elapsed":1.5}` + "\n"
	for name, tc := range map[string]struct {
		stream  string
		prepare func(*report)
		ok      bool
	}{
		"all is well":                   {good, func(*report) {}, true},
		"a test failed":                 {stream, func(*report) {}, false},
		"a stage failed without a test": {good, func(r *report) { r.timed("build", time.Second, 0, errors.New("no compiler")) }, false},
		"a skip nobody allowed": {good + `{"Action":"skip","Package":"m/a","Test":"TestAway"}`, func(r *report) {
			r.checkSkips(nil)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ok, printed := finished(t, tc.stream, tc.prepare)
			if ok != tc.ok || !last.MatchString(printed) {
				t.Errorf("ok %v, want %v; printed:\n%s", ok, tc.ok, printed)
			}
		})
	}
}
