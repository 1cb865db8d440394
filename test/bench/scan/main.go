// Command scan measures how fast very many endpoints and files are looked at:
// `neverlapse scan` and the survey behind it, beside a loop of nothing but
// handshakes with the same concurrency, against the same fleet in the same run.
// It calls itself for the fleet and for each contender, so that processor time
// and memory are those of one of them alone.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/test/bench/report"
)

func main() {
	var err error
	out := flag.String("write", "", "`file` to keep the tables in")
	cli := flag.String("cli", "bin/neverlapse", "the `program` to measure")
	rounds := flag.Int("rounds", 5, "how often each is measured; the best counts")
	flag.Parse()
	switch args := flag.Args(); {
	case len(args) == 0:
		err = run(*out, *cli, *rounds)
	case args[0] == "serve":
		err = serve(args[1:])
	case args[0] == "bare":
		err = bare(args[1:])
	case args[0] == "survey":
		err = look(args[1:])
	case args[0] == "files":
		err = files(args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// result is what a contender says of itself.
type result struct {
	Seconds float64 // of the work, without the start of the program
	CPU     float64 // seconds, likewise
	Seen    int     // certificates or files
	Missed  int     // healthy ones that were not seen
	memory  int64   // resident at most, bytes
	whole   float64 // seconds, with the start
}

// measure runs a contender in a process of its own.
func measure(ctx context.Context, program string, args ...string) (r result, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	began := time.Now()
	text, err := cmd.Output()
	if code := cmd.ProcessState; err != nil && (code == nil || code.ExitCode() < 5 || code.ExitCode() > 7) {
		return r, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	r.whole = time.Since(began).Seconds()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.memory = u.Maxrss << 10
		r.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := lines[len(lines)-1]
	var summary struct {
		Kind         string
		Seconds      float64
		Certificates int
	}
	if err := json.Unmarshal([]byte(last), &summary); err == nil && summary.Kind == "summary" { // of the CLI
		r.Seconds, r.Seen = summary.Seconds, summary.Certificates
		return r, nil
	}
	return r, json.Unmarshal([]byte(last), &r)
}

// best gives the quickest of several rounds.
func best(all []result) result {
	out := all[0]
	for _, r := range all[1:] {
		if r.Seconds < out.Seconds {
			out = r
		}
	}
	return out
}

func run(out, cli string, rounds int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "neverlapse-scan-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before := report.LoadAverage()
	hosts, err := endpoints(ctx, self, cli, dir, rounds)
	if err != nil {
		return err
	}
	onDisk, err := folders(ctx, self, cli, dir, rounds)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%d cores, %s, %s; the best of %d rounds that took turns; load average %s before, %s after. The fleet is a process of its own on the same cores.\n\n%s\n%s",
		runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format(time.DateOnly), rounds, before, report.LoadAverage(), hosts, onDisk)
	fmt.Print("\n", text)
	if out == "" {
		return nil
	}
	return report.Keep(out, "scan", text)
}

// spent is the processor time of this process so far.
func spent() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// say ends a contender.
func say(began time.Time, before float64, seen, missed int) error {
	return json.NewEncoder(os.Stdout).Encode(result{Seconds: time.Since(began).Seconds(), CPU: spent() - before, Seen: seen, Missed: missed})
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// fleet is a serving process; ready once it has said where.
func fleet(ctx context.Context, self, dir string, n, hanging, broken int) (port string, end func(), err error) {
	cmd := exec.CommandContext(ctx, self, "serve", filepath.Join(dir, "roots.pem"), fmt.Sprint(n), fmt.Sprint(hanging), fmt.Sprint(broken))
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", nil, err
	}
	_, err = fmt.Fscan(said, &port)
	return port, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }, err
}
