// Command demo tells the story of Neverlapse in a few minutes, on real parts:
// the worker with its embedded Temporal engine and Web UI, the CLI, a CA
// (Pebble) and nginx; only Slack and the mail server are stand-ins. Five
// certificates with minutes to live each play one scene, and everything that is
// printed was seen at one of these parts. `make demo` runs it; CI runs it with
// --once. It is no part of the product and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/harness"
)

// patience bounds a run from the start of the worker to the summary.
const patience = 5 * time.Minute

type options struct {
	bin, guard, check string
	once, noNginx     bool
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the binaries; what is missing there is built")
	flag.BoolVar(&o.once, "once", false, "end after the summary: exit 0 if every scene was seen, 1 otherwise")
	flag.BoolVar(&o.noNginx, "no-nginx", false, "use the small Go TLS server even if nginx is installed")
	flag.StringVar(&o.guard, guardFlag, "", "internal: clean up this `folder` when stdin ends")
	flag.StringVar(&o.check, checkFlag, "", "internal: check the `configuration` of a Go TLS server")
	flag.Parse()
	os.Exit(run(o))
}

func run(o options) int {
	switch {
	case o.guard != "":
		return guard(o.guard)
	case o.check != "":
		return check(o.check)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, orphaned := whileParentLives(ctx)
	defer orphaned()
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends us at once; the guard cleans up
	}()
	c := newConsole(os.Stdout)
	ok, err := play(ctx, c, o)
	switch {
	case ctx.Err() != nil:
		c.say("Stopped; nothing is left behind.")
		if o.once {
			return 1
		}
		return 0
	case err != nil:
		c.say("The demo failed: %v", err)
		return 1
	case !ok:
		return 1
	}
	return 0
}

// play prepares everything, plays the scenes and sums up. Without --once it
// then waits for the end of ctx.
func play(ctx context.Context, c *console, o options) (ok bool, err error) {
	bins, err := binaries(ctx, c, o.bin)
	if err != nil {
		return false, err
	}
	dir, clean, err := workspace()
	if err != nil {
		return false, err
	}
	defer clean()
	s, err := raise(c, o, bins, dir)
	if err != nil {
		return false, err
	}
	defer s.Close()
	timed, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c.say("Starting the worker; it starts the Temporal engine with its Web UI ...")
	if err := s.StartWorker(timed); err != nil {
		return false, err
	}
	if err := s.findUI(); err != nil {
		return false, err
	}
	s.introduce()
	acts := s.perform(timed)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	ok = s.sumUp(acts)
	if !ok {
		c.say("Worker log, its end:\n%s", tail(s.Worker.Output(), 6000))
	}
	if o.once {
		return ok, nil
	}
	s.invite(o.bin)
	<-ctx.Done()
	return ok, nil
}

// raise builds the world: CA, sites, stand-ins, configuration.
func raise(c *console, o options, bins harness.Binaries, dir string) (*stage, error) {
	s := &stage{console: c, made: map[cert.Fingerprint]bool{}}
	places, err := lay(dir, o.noNginx)
	if err != nil {
		return nil, err
	}
	h := harness.Options{Dir: dir, Binaries: bins, Policies: policies(), Nginx: places.nginx, NoNginx: len(places.nginx.Servers) == 0, Targets: places.targets}
	h.CA.Dir = dir
	h.CA.Profiles = map[string]int{"default": int(issuedFor.Seconds())}
	if s.World, err = harness.New(h); err != nil {
		return nil, errors.Join(err, places.close())
	}
	s.sites, s.close = places.open(s.World.Nginx), places.close
	return s, nil
}

// perform plays all scenes at the same time and waits for their ends.
func (s *stage) perform(ctx context.Context) []*act {
	watching, stop := context.WithCancel(ctx)
	var watcher, actors sync.WaitGroup
	for _, at := range s.sites {
		s.made[at.served(ctx)] = true
	}
	acts := make([]*act, len(scenes))
	s.seen = newWatcher(s)
	watcher.Go(func() { s.seen.run(watching) })
	for i, sc := range scenes {
		acts[i] = &act{stage: s, scene: sc, site: s.sites[sc.host]}
		actors.Go(func() { acts[i].run(ctx) })
	}
	actors.Wait()
	stop()
	watcher.Wait()
	return acts
}

// whileParentLives ends the context when `go run`, which does not hand signals
// on, is gone.
func whileParentLives(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	exe, err := os.Executable()
	if parent := os.Getppid(); err == nil && filepath.Base(filepath.Dir(exe)) == "exe" {
		go func() {
			for os.Getppid() == parent && ctx.Err() == nil {
				time.Sleep(time.Second)
			}
			cancel()
		}()
	}
	return ctx, cancel
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}
