package main

import (
	"fmt"
	"strings"
	"testing"
)

const stream = `{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestGood"}
{"Action":"output","Package":"m/a","Test":"TestGood","Output":"noise\n"}
{"Action":"pass","Package":"m/a","Test":"TestGood","Elapsed":1.5}
{"Action":"run","Package":"m/a","Test":"TestTable"}
{"Action":"run","Package":"m/a","Test":"TestTable/one"}
{"Action":"run","Package":"m/a","Test":"TestTable/two"}
{"Action":"output","Package":"m/a","Test":"TestTable/two","Output":"    a_test.go:7: two is wrong\n"}
{"Action":"pass","Package":"m/a","Test":"TestTable/one","Elapsed":0}
{"Action":"fail","Package":"m/a","Test":"TestTable/two","Elapsed":0}
{"Action":"fail","Package":"m/a","Test":"TestTable","Elapsed":0}
{"Action":"run","Package":"m/a","Test":"TestAway"}
{"Action":"output","Package":"m/a","Test":"TestAway","Output":"=== RUN   TestAway\n"}
{"Action":"output","Package":"m/a","Test":"TestAway","Output":"    a_test.go:9: no nginx: none found\n"}
{"Action":"output","Package":"m/a","Test":"TestAway","Output":"--- SKIP: TestAway (0.00s)\n"}
{"Action":"skip","Package":"m/a","Test":"TestAway","Elapsed":0}
{"Action":"fail","Package":"m/a","Elapsed":2}
not an event
{"ImportPath":"m/broken","Action":"build-output","Output":"broken.go:1: oops\n"}
{"Action":"fail","Package":"m/uses","Elapsed":0,"FailedBuild":"m/broken"}
{"Action":"run","Package":"m/crash","Test":"TestHalf"}
{"Action":"output","Package":"m/crash","Test":"TestHalf","Output":"fatal error: all goroutines are asleep\n"}
{"Action":"fail","Package":"m/crash","Elapsed":0}
{"Action":"output","Package":"m/away","Output":"SKIPPED: m/away: there is no engine\n"}
{"Action":"output","Package":"m/away","Output":"ok  \tm/away\t0.01s\n"}
{"Action":"pass","Package":"m/away","Elapsed":0.1}
{"Action":"output","Package":"m/none","Output":"?   \tm/none\t[no test files]\n"}
{"Action":"skip","Package":"m/none","Elapsed":0}
`

func readStream(t *testing.T, text string) (r *results, printed string) {
	t.Helper()
	var b strings.Builder
	w := &workshop{out: &b, results: newResults()}
	w.results.module = "m"
	err := w.results.read(strings.NewReader(text), w.packageEnded, func(line string) { fmt.Fprint(&b, "stray: ", line) })
	if err != nil {
		t.Fatal(err)
	}
	return w.results, b.String()
}

func TestEveryOutcomeIsCountedOnce(t *testing.T) {
	r, _ := readStream(t, stream)
	// Passed: TestGood, TestTable/one. Failed: TestTable/two and the packages
	// uses and crash. Skipped: TestAway and the package away.
	if p, f, s := r.count(); p != 2 || f != 3 || s != 2 {
		t.Errorf("%d passed, %d failed, %d skipped; want 2, 3, 2", p, f, s)
	}
	if n := r.passedIn("a"); n != 2 {
		t.Errorf("%d passed in a, want 2", n)
	}
	if n := r.passedIn("aw"); n != 0 {
		t.Errorf("%d passed in aw, which is no package", n)
	}
}

func TestWhatFailedTestsSaidIsPrintedAndNoMore(t *testing.T) {
	_, printed := readStream(t, stream)
	for _, want := range []string{"FAIL  a ", "two is wrong", "stray: not an event", "because broken does not compile", "broken.go:1: oops", "all goroutines are asleep", "skip  away"} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q is not printed", want)
		}
	}
	for _, not := range []string{"noise", "no nginx", "none "} {
		if strings.Contains(printed, not) {
			t.Errorf("%q is printed", not)
		}
	}
	if t.Failed() {
		t.Log(printed)
	}
}

func TestASkipGivesItsReason(t *testing.T) {
	r, _ := readStream(t, stream)
	for key, want := range map[string]string{
		"m/a TestAway": "no nginx: none found", "m/away (package)": "SKIPPED: m/away: there is no engine",
	} {
		if got := r.tests[key].reason(); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestWhatRunsIsNamed(t *testing.T) {
	r, _ := readStream(t, `{"Action":"run","Package":"m/a","Test":"TestGood"}
{"Action":"pass","Package":"m/a","Test":"TestGood"}
{"Action":"run","Package":"m/a","Test":"TestTable/one"}
{"Action":"run","Package":"m/a","Test":"TestTable/two"}
{"Action":"run","Package":"m/a","Test":"TestSlow"}
{"Action":"run","Package":"m/b","Test":"TestOther"}
`)
	if got, want := r.underWay(), "a TestTable/one, a TestTable/two, a TestSlow, and 1 more"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
