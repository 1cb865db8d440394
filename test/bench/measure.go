package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// row is one line of the table.
type row struct {
	name     string
	rate     float64 // certificates per second
	p50, p95 time.Duration
	issued   int // as Pebble counts
}

func (r row) String() string {
	return fmt.Sprintf("%-32s %7.1f/s  p50 %6.2f s  p95 %6.2f s  %d at Pebble", r.name, r.rate, r.p50.Seconds(), r.p95.Seconds(), r.issued)
}

func measure(ctx context.Context, w *world, x contender) (row, error) {
	before := w.CA.Issued()
	began := time.Now()
	took, err := x.run(ctx, w)
	if err != nil {
		return row{}, err
	}
	whole := time.Since(began)
	if x.name == "neverlapse" { // its own clock leaves the enrolment out
		whole = took[len(took)-1]
		took = took[:len(took)-1]
		before += w.n
	}
	r := row{name: x.name, rate: float64(len(took)) / whole.Seconds(), issued: w.CA.Issued() - before}
	slices.Sort(took)
	r.p50, r.p95 = took[len(took)/2], took[len(took)*95/100]
	if r.issued != w.n {
		return r, fmt.Errorf("Pebble issued %d certificates, want %d", r.issued, w.n)
	}
	return r, nil
}

// each does a thing n times, so many at once, and gives how long each took.
func (w *world) each(do func(i int) error) ([]time.Duration, error) {
	took, errs := make([]time.Duration, w.n), make([]error, w.n)
	next := make(chan int)
	var all sync.WaitGroup
	for range w.concurrency {
		all.Go(func() {
			for i := range next {
				began := time.Now()
				errs[i] = do(i)
				took[i] = time.Since(began)
			}
		})
	}
	for i := range w.n {
		next <- i
	}
	close(next)
	all.Wait()
	return took, errors.Join(errs...)
}

func table(rows []row, n, c int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d certificates each, %d at once, HTTP-01, P-256, one Pebble in one run; %d cores, %s of memory, %s, %s.\n\n",
		n, c, runtime.NumCPU(), memory(), runtime.Version(), time.Now().UTC().Format("2006-01-02"))
	b.WriteString("| | certificates/s | p50 | p95 | at Pebble |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.1f | %.2f s | %.2f s | %d |\n", r.name, r.rate, r.p50.Seconds(), r.p95.Seconds(), r.issued)
	}
	return b.String()
}

func memory() string {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "unknown size"
	}
	var kb int
	if _, err := fmt.Sscanf(string(data), "MemTotal: %d kB", &kb); err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%.0f GB", float64(kb)/1e6)
}

const begin, end = "<!-- bench:begin -->\n", "<!-- bench:end -->"

// keep puts the table between the marks of a file.
func keep(file, text string) error {
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
