// Command fleet measures Neverlapse with as many certificates as a company has,
// on the embedded engine and on PostgreSQL: enrolling them, a thousand thresholds
// within one minute, people's answers, a restart after everything was killed; and
// it counts what a certificate costs in a year.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/test/bench/report"
)

func main() {
	sizes := flag.String("n", "1000,5000,10000", "how many certificates, for each round")
	on := flag.String("on", embedded+","+postgresql, "the engines")
	thresholds := flag.Int("thresholds", 1000, "how many pass a threshold within one minute")
	out := flag.String("write", "", "`file` to keep the table in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *sizes, *on, *thresholds, *out); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, sizes, on string, thresholds int, out string) error {
	var rows []row
	load := report.LoadAverage()
	for _, size := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil || n < 1 {
			return fmt.Errorf("-n: %q is no number of certificates; write 1000 or 1000,5000", size)
		}
		for _, engine := range strings.Split(on, ",") {
			r, err := round(ctx, engine, n, min(n, thresholds), time.Minute)
			if err != nil {
				return fmt.Errorf("%d certificates on %s: %w", n, engine, err)
			}
			rows = append(rows, r)
			fmt.Println(r)
		}
	}
	years, err := allYears()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%d cores, %s, %s; load average %s before, %s after.\n\n%s\n%s",
		runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2006-01-02"), load, report.LoadAverage(), table(rows), yearTable(years))
	fmt.Print("\n", text)
	if out == "" {
		return nil
	}
	return report.Keep(out, "fleet", text)
}

// row is what one size on one engine came to.
type row struct {
	engine               string
	n                    int
	enrolled             time.Duration // until all are looked at and listed
	worker, server, data uint64        // bytes: resident of worker, of the engine, of its PostgreSQL
	each                 int64         // bytes of database for one certificate
	alerts               spread        // from threshold to message
	told                 int
	answers              spread // from asking to the answer
	ready, whole         time.Duration
	restored             time.Duration // until one command has brought all back whose database is lost
}

func (r row) String() string {
	memory := fmt.Sprintf("%s / %s", mebi(r.worker), mebi(r.server))
	if r.data > 0 {
		memory += " + " + mebi(r.data)
	}
	return fmt.Sprintf("| %s | %d | %.1f/s | %s | %.1f kB | %d: %s / %s | %s / %s | %s / %s | %s |", r.engine, r.n, float64(r.n)/r.enrolled.Seconds(), memory, float64(r.each)/1000,
		r.told, short(r.alerts.p50), short(r.alerts.p99), short(r.answers.p50), short(r.answers.p99), short(r.ready), short(r.whole), short(r.restored))
}

func table(rows []row) string {
	var b strings.Builder
	b.WriteString("| engine | certificates | enrolled | resident MB: worker / engine (+ PostgreSQL) | database for each | thresholds within a minute: alert after p50 / p99 | acknowledged in p50 / p99 | all killed: ready after / every one asked answers after | Temporal's database lost: `restore --all` takes |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		b.WriteString(r.String() + "\n")
	}
	return b.String()
}

func mebi(b uint64) string { return fmt.Sprint(b >> 20) }

func short(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// round measures one size on one engine.
func round(ctx context.Context, engine string, n, thresholds int, within time.Duration) (r row, err error) {
	p, err := build(ctx, engine)
	if err != nil {
		return row{}, err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	r = row{engine: engine, n: n}
	empty, err := p.size(ctx)
	if err != nil {
		return r, err
	}
	if r.enrolled, err = p.enrol(ctx, n); err != nil {
		return r, fmt.Errorf("enrolling: %w", err)
	}
	if r.worker, r.server, r.data, err = p.resident(); err != nil {
		return r, err
	}
	full, err := p.size(ctx)
	if err != nil {
		return r, err
	}
	r.each = (full - empty) / int64(n)
	if r.alerts, r.told, err = p.pass(ctx, thresholds, within, r.enrolled/time.Duration(n)); err != nil {
		return r, fmt.Errorf("thresholds: %w", err)
	}
	if r.answers, err = p.answer(ctx, min(thresholds, 200)); err != nil {
		return r, fmt.Errorf("answers: %w", err)
	}
	if r.ready, r.whole, err = p.recover(ctx, n); err != nil {
		return r, fmt.Errorf("after everything was killed: %w", err)
	}
	if r.restored, err = p.lose(ctx, n); err != nil {
		return r, fmt.Errorf("after Temporal's database was lost: %w", err)
	}
	return r, nil
}
