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
	"syscall"
	"time"
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
