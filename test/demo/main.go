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

	"github.com/neverlapse/neverlapse/test/demo/inbox"
	"github.com/neverlapse/neverlapse/test/harness"
)

// patience bounds the scenes.
const patience = 4 * time.Minute

type options struct {
	bin, guard, check       string
	listen, hosts, language string
	once, noNginx           bool
	visitors                []visitor     // those of hosts
	grace                   time.Duration // for a message that is owed
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the binaries; what is missing there is built")
	flag.BoolVar(&o.once, "once", false, "end after the summary: exit 0 if every scene was seen, 1 otherwise")
	flag.BoolVar(&o.noNginx, "no-nginx", false, "use the small Go TLS server even if nginx is installed")
	flag.StringVar(&o.guard, guardFlag, "", "internal: clean up this `folder` when stdin ends")
	flag.StringVar(&o.check, checkFlag, "", "internal: check the `configuration` of a Go TLS server")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "loopback `address` of the stage; port 0 takes a free one")
	flag.StringVar(&o.hosts, "hosts", "", "`hosts` of yours, HOST or HOST:PORT, to watch as well")
	flag.StringVar(&o.language, "language", "en", "`language` of the messages: en or ko")
	flag.DurationVar(&o.grace, "grace", grace, "how long a message that is owed may take before it counts as lost")
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

// play opens the stage's page, prepares everything, plays the scenes and sums
// up. Without --once it then goes on telling what it sees until ctx ends.
func play(ctx context.Context, c *console, o options) (ok bool, err error) {
	if o.visitors, err = readVisitors(o.hosts); err != nil {
		return false, err
	}
	b := newBoard()
	page, err := inbox.Serve(o.listen, b)
	if err != nil {
		return false, err
	}
	defer func() { _ = page.Close() }()
	c.say("The stage: %s", page.URL)
	c.heard = b.heard
	s, clean, err := open(ctx, c, b, o)
	if err != nil {
		b.fails(err)
		return false, err
	}
	defer clean()
	defer s.Close()
	s.url = page.URL
	background, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	for _, f := range []func(context.Context){s.seen.run, s.listen, s.settle, s.findPage} {
		watchers.Go(func() { f(background) })
	}
	defer watchers.Wait()
	defer stop()
	b.change(func() { b.stage = s })
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

// open finds or builds the programs and raises the stage in a workspace, which
// clean removes.
func open(ctx context.Context, c *console, b *board, o options) (s *stage, clean func(), err error) {
	bins, err := binaries(ctx, c, o.bin)
	if err != nil {
		return nil, nil, err
	}
	dir, clean, err := workspace()
	if err != nil {
		return nil, nil, err
	}
	if s, err = raise(ctx, c, b, o, bins, dir); err != nil {
		clean()
		return nil, nil, err
	}
	return s, clean, nil
}

// perform plays all scenes at the same time and waits for their ends.
func (s *stage) perform(ctx context.Context) []*act {
	ctx, cancel := s.patiently(ctx)
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

// patiently bounds the scenes. The clock stands still while a button's trouble is
// under way.
func (s *stage) patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for left := patience; left > 0; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if s.undisturbed(time.Now()) {
				left -= time.Second
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(nil) }
}

// findPage looks whether the product's own page answers.
func (s *stage) findPage(ctx context.Context) {
	at := "http://" + s.HTTP + "/"
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		if ok, err := harness.Ready(ctx, at); ok && err == nil {
			s.board.change(func() { s.board.page = at })
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
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
