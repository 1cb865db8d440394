package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// report is what a run prints at its end.
type report struct {
	out      io.Writer
	results  *results
	begin    time.Time
	stages   []string
	troubles []string
}

// trouble notes what makes the run fail beside failed tests.
func (r *report) trouble(format string, args ...any) {
	r.troubles = append(r.troubles, fmt.Sprintf(format, args...))
}

func (r *report) troubled() bool { return len(r.troubles) > 0 }

// timed notes a stage. Failed tests speak for themselves.
func (r *report) timed(name string, took time.Duration, failedBefore int, err error) {
	verdict := "ok"
	if err != nil {
		verdict = "FAILED"
		if _, fail, _ := r.results.count(); fail == failedBefore {
			r.trouble("%s: %v", name, err)
		}
	}
	r.stages = append(r.stages, fmt.Sprintf("  %-12s %8s  %s", name, round(took), verdict))
	fmt.Fprintf(r.out, "== %s: %s, %s\n", name, verdict, round(took))
}

// checkSkips holds the skips against the allow-list.
func (r *report) checkSkips(allowed []allowance) {
	for _, t := range unallowed(r.results, allowed) {
		r.trouble("skipped in CI and not in test/skips.allow: %s %s (%s)", r.results.short(t.pkg), t.name, t.reason())
	}
	for _, a := range stale(r.results, allowed) {
		r.trouble("test/skips.allow:%d allows %s %s, and there is no such test", a.line, a.pkg, a.test)
	}
}

// finish prints the whole report; its last line are the counts.
func (r *report) finish(w *workshop, allowed []allowance) bool {
	pass, fail, skip := r.results.count()
	r.slowest(10)
	r.skips(allowed)
	r.failures()
	if w != nil {
		fmt.Fprintf(r.out, "\nComponents of these tests\n%s", w.componentTable())
		for _, miss := range w.missing {
			fmt.Fprintf(r.out, "  missing: %s\n", miss)
		}
	}
	fmt.Fprintf(r.out, "\nStages\n%s\n  %-12s %8s\n", strings.Join(r.stages, "\n"), "in all", round(time.Since(r.begin)))
	for _, t := range r.troubles {
		fmt.Fprintf(r.out, "FAILED: %s\n", t)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", pass, fail, skip)
	return fail == 0 && !r.troubled()
}

func (r *report) slowest(n int) {
	tests := slices.DeleteFunc(slices.Clone(r.results.order), func(t *testResult) bool {
		return t.name == wholePackage || strings.Contains(t.name, "/")
	})
	slices.SortStableFunc(tests, func(a, b *testResult) int { return int(b.took - a.took) })
	if len(tests) == 0 {
		return
	}
	fmt.Fprintf(r.out, "\nSlowest tests\n")
	for _, t := range tests[:min(n, len(tests))] {
		fmt.Fprintf(r.out, "  %8s  %s %s\n", round(t.took), r.results.short(t.pkg), t.name)
	}
}

func (r *report) skips(allowed []allowance) {
	first := true
	for _, t := range r.results.order {
		if t.outcome != skipped {
			continue
		}
		if first {
			fmt.Fprintf(r.out, "\nSkipped\n")
			first = false
		}
		mark := "          "
		if allows(allowed, r.results.short(t.pkg), t.name) {
			mark = "(allowed) "
		}
		fmt.Fprintf(r.out, "  %s%s %s: %s\n", mark, r.results.short(t.pkg), t.name, t.reason())
	}
}

// failures names the failed tests again; what they said stands where it happened.
func (r *report) failures() {
	first := true
	for _, t := range r.results.order {
		if t.outcome != failed || t.explained {
			continue
		}
		if first {
			fmt.Fprintf(r.out, "\nFailed (what they said is above)\n")
			first = false
		}
		fmt.Fprintf(r.out, "  %s %s\n", r.results.short(t.pkg), t.name)
	}
}

func round(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
}
