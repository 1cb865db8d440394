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

	"github.com/neverlapse/neverlapse/test/bench/report"
)

// row is one line of the table.
type row struct {
	name     string
	rate     float64 // certificates per second
	p50, p95 time.Duration
	issued   int // as Pebble counts
	each     cpu // of one certificate
}

func (r row) String() string {
	return fmt.Sprintf("%-32s %7.1f/s  p50 %6.2f s  p95 %6.2f s  %d at Pebble, CPU %s", r.name, r.rate, r.p50.Seconds(), r.p95.Seconds(), r.issued, r.each)
}

func measure(ctx context.Context, w *world, x contender) (row, error) {
	issue, end, err := x.begin(ctx, w)
	if err != nil {
		return row{}, err
	}
	defer end()
	before, spent, began := w.CA.Issued(), w.spent(), time.Now()
	took, err := w.each(issue)
	whole, after := time.Since(began), w.spent()
	if err != nil {
		return row{}, err
	}
	r := row{name: x.name, rate: float64(w.n) / whole.Seconds(), issued: w.CA.Issued() - before, each: after.less(spent).over(w.n)}
	slices.Sort(took)
	r.p50, r.p95 = took[len(took)/2], took[len(took)*95/100]
	if r.issued != w.n {
		return r, fmt.Errorf("Pebble issued %d certificates, want %d", r.issued, w.n)
	}
	return r, nil
}

// each does a thing n times, so many at once, and gives how long each took.
func (w *world) each(do func(i int) (time.Duration, error)) ([]time.Duration, error) {
	took, errs := make([]time.Duration, w.n), make([]error, w.n)
	next := make(chan int)
	var all sync.WaitGroup
	for range w.concurrency {
		all.Go(func() {
			for i := range next {
				took[i], errs[i] = do(i)
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

// timed makes what each does of a call that takes as long as it takes.
func timed(do func(i int) error) func(int) (time.Duration, error) {
	return func(i int) (time.Duration, error) {
		began := time.Now()
		err := do(i)
		return time.Since(began), err
	}
}

func table(rows []row, n, c int, load string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d certificates each, %d at once, HTTP-01, P-256, one Pebble in one run; %d cores (%s), %s of memory, %s, %s; load average %s before, %s after.\n\n",
		n, c, runtime.NumCPU(), processor(), memory(), runtime.Version(), time.Now().UTC().Format("2006-01-02"), load, report.LoadAverage())
	b.WriteString("| | certificates/s | p50 | p95 | at Pebble | CPU of one: Pebble and who asks | worker | engine |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.1f | %.2f s | %.2f s | %d | %s | %s | %s |\n", r.name, r.rate, r.p50.Seconds(), r.p95.Seconds(), r.issued,
			millis(r.each.own), millis(r.each.worker), millis(r.each.engine))
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

func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(data), "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(strings.TrimLeft(line, "\t: "))
}
