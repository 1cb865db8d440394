// Command runner runs every test of the repository in stages, says how long
// each took, and ends with what was real, what stood in for it, and one line of
// counts. The Makefile calls it; CI calls the Makefile. It tests nothing itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// settings are what a run was asked for.
type settings struct {
	long bool   // longer loops, and fuzzing
	only string // the one stage to run; empty: all
	ci   bool
}

func main() {
	var s settings
	flag.BoolVar(&s.long, "long", false, "lengthen the loops of the tests and fuzz for a while")
	flag.StringVar(&s.only, "stage", "", "run only this `stage` of tests: unit, engine, bench, shipped, end-to-end, postgresql, kubernetes or fuzz")
	flag.Parse()
	s.ci = os.Getenv("CI") == "true"
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok := run(ctx, s, os.Stdout)
	stop()
	if !ok {
		os.Exit(1)
	}
}

// run runs the stages and prints the report; it says whether all is well.
func run(ctx context.Context, s settings, out io.Writer) bool {
	r := &report{out: out, results: newResults(), begin: time.Now()}
	root, err := moduleRoot(ctx)
	if err != nil {
		r.trouble("the module was not found: %v", err)
		return r.finish(nil, nil)
	}
	allowed, err := readAllowed(filepath.Join(root, "test", "skips.allow"))
	if err != nil {
		r.trouble("%v", err)
	}
	w := &workshop{root: root, out: out, settings: s, needs: needs, results: r.results}
	for _, st := range w.stages() {
		if s.only != "" && st.tests && st.name != s.only {
			continue
		}
		fmt.Fprintf(out, "\n== %s: %s\n", st.name, st.about)
		begin := time.Now()
		_, before, _ := r.results.count()
		err := st.run(ctx)
		r.timed(st.name, time.Since(begin), before, err)
		if ctx.Err() != nil {
			r.trouble("interrupted")
			break
		}
		if err != nil && !st.tests { // nothing to test with
			break
		}
	}
	if s.ci && s.only == "" && !r.troubled() {
		r.checkSkips(allowed)
	}
	return r.finish(w, allowed)
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
