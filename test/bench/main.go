// Command bench measures renewals per second through the whole of Neverlapse,
// beside lego, certmagic and the bare ACME protocol, against one Pebble in one
// run, and counts at Pebble that each got its certificates. It is a module of
// its own, so that no peer enters the product's go.mod.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/test/bench/report"
	"github.com/neverlapse/neverlapse/test/harness"
)

// contender is a way to get certificates. begin makes ready what does not count,
// and gives what issues the i-th one and says how long that took, and what ends it.
type contender struct {
	name  string
	begin func(ctx context.Context, w *world) (issue func(i int) (time.Duration, error), end func(), err error)
}

var contenders = []contender{{"the bare protocol", bare}, {"neverlapse", neverlapse}, {"lego, Obtain", obtain}, {"certmagic, without its limiter", magic}}

// world is what all contenders share.
type world struct {
	*harness.World
	n, concurrency int
	port           int // where Pebble looks for answers
	alone          renewal
}

func main() {
	n := flag.Int("n", 200, "certificates for each")
	c := flag.Int("c", 32, "how many at once")
	out := flag.String("write", "", "`file` to keep the table in")
	only := flag.String("only", "", "the `name` of the only contender to run")
	flag.Parse()
	if err := run(*n, *c, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(n, c int, out, only string) error {
	rows, alone, text, err := compete(n, c, only)
	if err != nil || len(rows) == 0 {
		return errors.Join(err, fmt.Errorf("%d contenders came to an end", len(rows)))
	}
	if len(alone.steps) > 0 {
		text += "\n" + alone.String()
	}
	fmt.Print("\n", text)
	if out == "" {
		return nil
	}
	return report.Keep(out, "bench", text)
}

// compete has every contender, or the only one, issue n certificates, c at once.
func compete(n, c int, only string) (rows []row, alone renewal, text string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	for name, value := range map[string]string{"PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0", "PEBBLE_VA_NOSLEEP": "1"} {
		if err := os.Setenv(name, value); err != nil {
			return nil, renewal{}, "", err
		}
	}
	w, err := build(ctx, n, c)
	if err != nil {
		return nil, renewal{}, "", err
	}
	defer w.close()
	load := report.LoadAverage()
	for _, x := range contenders {
		if only != "" && only != x.name {
			continue
		}
		r, err := measure(ctx, w, x)
		if err != nil {
			return rows, w.alone, "", fmt.Errorf("%s: %w", x.name, err)
		}
		rows = append(rows, r)
		fmt.Println(r)
	}
	return rows, w.alone, table(rows, n, c, load), nil
}

func (w *world) close() {
	w.Close()
	_ = os.RemoveAll(w.Dir)
}

func build(ctx context.Context, n, c int) (*world, error) {
	dir, err := os.MkdirTemp("", "neverlapse-bench-")
	if err != nil {
		return nil, err
	}
	root, err := harness.Root()
	if err != nil {
		return nil, err
	}
	programs := filepath.Join(dir, "bin")
	if err := os.Mkdir(programs, 0o755); err != nil {
		return nil, err
	}
	binaries, err := harness.Build(ctx, root, programs)
	if err != nil {
		return nil, err
	}
	h, err := harness.New(harness.Options{Dir: dir, Binaries: binaries, NoNginx: true, Targets: targets(dir, n+1), StickyTimeout: "60s", CA: pebbletest.Options{NonceReject: 1}})
	if err != nil {
		return nil, err
	}
	port, err := answeredAt(h.Config)
	return &world{World: h, n: n, concurrency: c, port: port}, err
}

// answeredAt is the port that the worker's configuration has for challenges; the
// others answer there when the worker is stopped.
func answeredAt(config string) (port int, err error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`acme_http: \{listen: "127\.0\.0\.1:(\d+)"`).FindSubmatch(text)
	if m == nil {
		return 0, errors.New("the configuration has no acme_http")
	}
	return strconv.Atoi(string(m[1]))
}

func targets(dir string, n int) string {
	text := ""
	for i := range n {
		place := filepath.Join(dir, "places", fmt.Sprint(i))
		_ = os.MkdirAll(place, 0o755)
		text += fmt.Sprintf("  - {name: place-%d, kind: file, options: {directory: %s}}\n", i, place)
	}
	return text
}
