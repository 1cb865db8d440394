package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// event is one line of `go test -json`.
type event struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
	Elapsed                                                float64
}

// outcome is how a test ended.
type outcome string

const (
	running outcome = ""
	passed  outcome = "pass"
	failed  outcome = "fail"
	skipped outcome = "skip"
)

// testResult is one test or subtest. A package that failed by itself, or that
// ran none of its tests, is one as well, under the name wholePackage.
type testResult struct {
	pkg, name string
	outcome   outcome
	took      time.Duration
	output    []string
	parent    bool // it has subtests
	explained bool // a test in it failed
}

const wholePackage = "(package)"

// results collects what `go test -json` tells, of several runs.
type results struct {
	mu     sync.Mutex
	module string
	where  string                 // comes behind the names of packages, while a package runs a second time elsewhere
	tests  map[string]*testResult // by package and name
	order  []*testResult
	builds map[string][]string // what the compiler said, by import path
}

func newResults() *results {
	return &results{tests: map[string]*testResult{}, builds: map[string][]string{}}
}

// read takes a stream of events. ended is called with every package
// and how it ended, stray with every line that is no event.
func (r *results) read(stream io.Reader, ended func(pkg *testResult, o outcome), stray func(string)) error {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				stray(line)
			} else {
				r.take(e, ended)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *results) take(e event, ended func(*testResult, outcome)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := time.Duration(e.Elapsed * float64(time.Second))
	if e.Action == "build-output" {
		pkg, _, _ := strings.Cut(e.ImportPath, " ") // "path [path.test]"
		r.builds[pkg] = append(r.builds[pkg], e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	t := r.test(e.Package+r.where, e.Test)
	switch o := outcome(e.Action); {
	case e.Action == "output":
		t.output = append(t.output, e.Output)
	case o != passed && o != failed && o != skipped:
	case e.Test != "":
		r.testEnded(t, o, took)
	default:
		if build, _, _ := strings.Cut(e.FailedBuild, " "); build != "" {
			t.output = append(t.output, "because "+r.short(build)+" does not compile\n")
			t.output = append(t.output, r.builds[build]...)
			delete(r.builds, build) // it is said once
		}
		r.packageEnded(t, o, took)
		ended(t, o)
	}
}

func (r *results) test(pkg, name string) *testResult {
	if name == "" {
		name = wholePackage
	}
	key := pkg + " " + name
	t := r.tests[key]
	if t == nil {
		t = &testResult{pkg: pkg, name: name}
		r.tests[key] = t
		r.order = append(r.order, t)
		if i := strings.LastIndexByte(name, '/'); i > 0 {
			r.test(pkg, name[:i]).parent = true
		}
	}
	return t
}

func (r *results) testEnded(t *testResult, o outcome, took time.Duration) {
	t.outcome, t.took = o, took
	switch i := strings.LastIndexByte(t.name, '/'); {
	case o == failed && i > 0:
		r.test(t.pkg, t.name[:i]).explained = true
	case o == passed:
		t.output = nil
	}
}

// packageEnded settles what counts for the package itself: a failure that no
// test explains, and tests that said SKIPPED instead of running.
func (r *results) packageEnded(t *testResult, o outcome, took time.Duration) {
	t.took = took
	ran, explained := 0, false
	for _, x := range r.order {
		if x.pkg != t.pkg || x == t {
			continue
		}
		ran++
		explained = explained || x.outcome == failed
	}
	switch {
	case o == failed && !explained:
		t.outcome = failed
		for _, x := range r.order { // what a crash interrupted
			if x.pkg == t.pkg && x.outcome == running && x != t {
				t.output = append(t.output, x.output...)
			}
		}
	case o == failed:
		t.outcome, t.explained = failed, true
	case o == passed && ran == 0:
		t.outcome = skipped
	}
}

// count tells what passed, failed and was skipped. A test with subtests counts
// only for what its subtests do not tell.
func (r *results) count() (pass, fail, skip int) {
	for _, t := range r.order {
		switch {
		case t.outcome == passed && !t.parent:
			pass++
		case t.outcome == failed && !t.explained:
			fail++
		case t.outcome == skipped:
			skip++
		}
	}
	return pass, fail, skip
}

// passedIn counts the passed tests of the packages at and below a path, or with
// "path Test" those of one test.
func (r *results) passedIn(path string) (n int) {
	path, test, _ := strings.Cut(path, " ")
	for _, t := range r.order {
		if t.outcome == passed && !t.parent && strings.HasPrefix(r.short(t.pkg)+"/", path+"/") && strings.HasPrefix(t.name, test) {
			n++
		}
	}
	return n
}

// underWay names some of the tests that run.
func (r *results) underWay() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, t := range r.order {
		if t.outcome == running && t.name != wholePackage && !t.parent {
			names = append(names, r.short(t.pkg)+" "+t.name)
		}
	}
	if more := len(names) - 3; more > 0 {
		names = append(names[:3], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// short is the path of a package below the module.
func (r *results) short(pkg string) string {
	if pkg == r.module {
		return "."
	}
	return strings.TrimPrefix(pkg, r.module+"/")
}

// reason is what a skipped test said.
func (t *testResult) reason() string {
	var said []string
	for _, line := range t.output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") || line == "PASS" || strings.HasPrefix(line, "ok  \t") {
			continue
		}
		if place, rest, ok := strings.Cut(line, ": "); ok && strings.Contains(place, ".go:") {
			line = rest
		}
		said = append(said, line)
	}
	return strings.Join(said, " ")
}
