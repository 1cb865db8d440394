// Command demo tells the story of Neverlapse in a few minutes, on real parts:
// the worker with its embedded Temporal engine and Web UI, the CLI, a CA
// (Pebble) and nginx; only Slack and the mail server are stand-ins. Five
// certificates with minutes to live each play one scene, and everything that is
// printed was seen at one of these parts. `make demo` runs it; CI runs it with
// --once. It is no part of the product and leaves nothing behind.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience bounds the scenes.
const patience = 4 * time.Minute

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
// then goes on telling what it sees until ctx ends.
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
	s, err := raise(ctx, c, o, bins, dir)
	if err != nil {
		return false, err
	}
	defer s.Close()
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { s.seen.run(watching) })
	defer watcher.Wait()
	defer stop()
	s.introduce()
	acts := s.perform(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if ok = s.sumUp(acts); !ok {
		c.say("The end of the worker's log:\n%s", tail(s.Worker.Output(), 6000))
	}
	if !o.once {
		s.invite(o.bin)
		<-ctx.Done()
	}
	return ok, nil
}

// perform plays all scenes at the same time and waits for their ends.
func (s *stage) perform(ctx context.Context) []*act {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var actors sync.WaitGroup
	acts := make([]*act, len(scenes))
	for i, sc := range scenes {
		acts[i] = &act{stage: s, scene: sc, site: s.sites[sc.host], ctx: ctx}
		actors.Go(acts[i].run)
	}
	actors.Wait()
	return acts
}

// whileParentLives ends the context when `go run`, which does not hand signals
// on, is gone.
func whileParentLives(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	exe, err := os.Executable()
	if parent := os.Getppid(); err == nil && strings.Contains(exe, "go-build") {
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
