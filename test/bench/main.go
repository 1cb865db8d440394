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
	"github.com/neverlapse/neverlapse/test/harness"
)

// contender issues certificates for names and gives how long each took.
type contender struct {
	name string
	run  func(ctx context.Context, w *world) ([]time.Duration, error)
}

// world is what all contenders share.
type world struct {
	*harness.World
	n, concurrency int
	port           int // where Pebble looks for answers
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
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	for name, value := range map[string]string{"PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0", "PEBBLE_VA_NOSLEEP": "1"} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	w, err := build(ctx, n, c)
	if err != nil {
		return err
	}
	defer w.Close()
	var rows []row
	for _, x := range []contender{{"the bare protocol", bare}, {"neverlapse", neverlapse}, {"lego, Obtain", obtain}, {"certmagic, without its limiter", magic}} {
		if only != "" && only != x.name {
			continue
		}
		r, err := measure(ctx, w, x)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		rows = append(rows, r)
		fmt.Println(r)
	}
	text := table(rows, n, c)
	fmt.Print("\n", text)
	if out == "" {
		return nil
	}
	return keep(out, text)
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
	h, err := harness.New(harness.Options{Dir: dir, Binaries: binaries, NoNginx: true, Targets: targets(dir, n), CA: pebbletest.Options{NonceReject: 1}})
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
