package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/config"
)

// concurrency is what a scan may have at most, and few what it has while all answer soon.
const concurrency = 2048

var few = 32 * runtime.GOMAXPROCS(0)

const timeout = 5 * time.Second

// groups are those of the bare loop: X25519 is the usual one, and a scan offers P-256.
var groups = map[string]tls.CurveID{"X25519": tls.X25519, "P-256": tls.CurveP256}

// bare makes full handshakes with one group, and nothing is looked at or kept.
func bare(args []string) error {
	port, n, concurrency, group := args[0], number(args[1]), number(args[2]), groups[args[3]]
	before, began := spent(), time.Now()
	var next, seen atomic.Int64
	var all sync.WaitGroup
	for range min(concurrency, n) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if handshake(net.JoinHostPort(host(i), port), group) == nil {
					seen.Add(1)
				}
			}
		})
	}
	all.Wait()
	return say(began, before, int(seen.Load()), 0)
}

func handshake(address string, group tls.CurveID) error {
	conn, err := net.DialTimeout("tcp", address, timeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{group}}).Handshake()
}

// look is the survey behind `neverlapse scan`, as the CLI calls it.
func look(args []string) error {
	port, n, roots, missing := args[0], number(args[1]), args[2], number(args[3])
	s, err := app.NewSurvey(app.SurveyOptions{Config: config.Scan{RootsFile: roots}, Each: timeout, Parallel: concurrency, Now: time.Now})
	if err != nil {
		return err
	}
	asks, err := s.ReadList("list", strings.NewReader(list(port, n)), app.Defaults{})
	if err != nil {
		return err
	}
	before, began := spent(), time.Now()
	found, err := s.Look(context.Background(), asks, nil, app.Progress{})
	if err != nil {
		return err
	}
	for _, r := range found.Records {
		if len(r.All()) > 0 {
			return fmt.Errorf("a healthy endpoint has findings: %+v", r)
		}
	}
	return say(began, before, len(found.Records), healthy(n, missing)-len(found.Records))
}

func list(port string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s:%s\n", host(i), port)
	}
	return b.String()
}

// endpoints measures the fleets and writes the table.
func endpoints(ctx context.Context, self, cli, dir string, rounds int) (string, error) {
	var b strings.Builder
	b.WriteString("| endpoints | | a second | of the bare loop | CPU-seconds for 1,000 | wall | healthy ones missed | resident |\n|---|---|---|---|---|---|---|---|\n")
	for _, f := range []struct {
		name               string
		n, hanging, broken int
		burners, rounds    int
		cli                bool
	}{
		{"2,000, healthy", 2000, 0, 0, 0, rounds, true},
		{"2,000, of which 6 % hang and 3 % are broken", 2000, 6, 3, 0, min(rounds, 3), true},
		{"2,000, healthy, beside eight busy processes", 2000, 0, 0, 8, 1, false},
		{"10,000, healthy", 10000, 0, 0, 0, 1, true},
	} {
		port, end, err := fleet(ctx, self, dir, f.n, f.hanging, f.broken)
		if err != nil {
			return "", err
		}
		roots, hosts := filepath.Join(dir, "roots.pem"), filepath.Join(dir, "list")
		if err := os.WriteFile(hosts, []byte(list(port, f.n)), 0o600); err != nil {
			return "", err
		}
		quiet := burn(ctx, f.burners)
		type contender struct {
			name, program string
			args          []string
		}
		var contenders []contender
		for _, group := range []string{"X25519", "P-256"} {
			for _, atOnce := range []int{few, concurrency} {
				contenders = append(contenders, contender{fmt.Sprintf("bare handshakes, %s, %d at once", group, atOnce), self, []string{"bare", port, fmt.Sprint(f.n), fmt.Sprint(atOnce), group}})
			}
		}
		contenders = append(contenders, contender{"the survey", self, []string{"survey", port, fmt.Sprint(f.n), roots, fmt.Sprint(f.hanging + f.broken)}})
		if f.cli {
			contenders = append(contenders, contender{"`neverlapse scan`", cli, []string{"scan", "--list", hosts, "--roots", roots, "-o", "jsonl", "--parallel", fmt.Sprint(concurrency)}})
		}
		all := make([][]result, len(contenders))
		for range f.rounds {
			for i, c := range contenders {
				r, err := measure(ctx, c.program, c.args...)
				if err != nil {
					end()
					return "", err
				}
				all[i] = append(all[i], r)
			}
		}
		quiet()
		end()
		ceiling := best(slices.Concat(all[0], all[1])) // the quicker of the bare loops with X25519
		for i, c := range contenders {
			r := best(all[i])
			missed := healthy(f.n, f.hanging+f.broken) - r.Seen
			line := fmt.Sprintf("| %s | %s | %.0f | %.2f | %.2f | %.2f s | %d | %d MB |\n", f.name, c.name, float64(f.n)/r.Seconds, ceiling.Seconds/r.Seconds,
				r.CPU/float64(f.n)*1000, r.Seconds, missed, r.memory>>20)
			fmt.Print(line)
			b.WriteString(line)
		}
	}
	return b.String(), nil
}

// burn keeps the processors busy with others.
func burn(ctx context.Context, n int) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for range n {
		all.Go(func() { _ = exec.CommandContext(ctx, "sh", "-c", "while :; do :; done").Run() })
	}
	return func() { cancel(); all.Wait() }
}
