// Command neverlapse-worker joins Temporal, or starts the embedded engine where
// no address is configured, and does the work of every enrolled certificate.
// With --role target it is the worker of one host and acts at its targets only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // people's time zones, also where the system has none

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/cloud"
	"github.com/neverlapse/neverlapse/internal/config"
)

// Exit codes.
const (
	exitFailed = 1 // could not start, or could not go on
	exitUsage  = 2 // the configuration or a flag is wrong
)

// What a worker does.
const (
	roleCentral = "central"
	roleTarget  = "target"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	flags := flag.NewFlagSet("neverlapse-worker", flag.ContinueOnError)
	file := flags.String("config", os.Getenv("NEVERLAPSE_CONFIG"), "the `file` to read; ./neverlapse.yaml or /etc/neverlapse/neverlapse.yaml if empty")
	check := flags.Bool("check", false, "check the configuration and exit")
	role := flags.String("role", roleCentral, "`central`: all the work of every certificate; target: what is to be done at the targets of this host")
	queue := flags.String("queue", "", "with --role target: the `name` of this host in the configuration of the centre")
	first := flags.Bool("init", false, "with --role target: make the key of this host if it has none, print what belongs into the configuration of the centre, and exit")
	version := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if *version {
		fmt.Println(app.Version(debug.ReadBuildInfo) + ", " + app.PatchLevel())
		return 0
	}
	if err := usage(*role, *queue, *first); err != nil {
		fmt.Fprintf(os.Stderr, "neverlapse-worker: %v\n", err)
		return exitUsage
	}
	c, err := config.Load(*file, os.Environ())
	if err != nil {
		fmt.Fprintf(os.Stderr, "neverlapse-worker: the configuration cannot be used:\n%v\n", err)
		return exitUsage
	}
	switch {
	case *first:
		return initialised(c, *queue)
	case *check:
		return checked(c, *queue)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := app.Logger(os.Stderr, c.Log)
	slog.SetDefault(logger)
	a, up, err := start(ctx, c, *queue, logger)
	if err != nil {
		fmt.Fprintf(os.Stderr, "neverlapse-worker: cannot start:\n%v\n", err)
		return exitFailed
	}
	defer a.Stop()
	fmt.Fprintf(os.Stderr, "neverlapse-worker is up: %s\n", up)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	for {
		select {
		case <-hangup:
			a.Reload()
		case <-ctx.Done():
			stop() // a second signal does not wait for what is under way
			return 0
		case err := <-a.Failed():
			fmt.Fprintf(os.Stderr, "neverlapse-worker: %v\n", err)
			return exitFailed
		}
	}
}

// usage tells what is wrong with the flags of the role.
func usage(role, queue string, first bool) error {
	switch {
	case role != roleCentral && role != roleTarget:
		return fmt.Errorf("--role: %q is not known; use %s or %s", role, roleCentral, roleTarget)
	case role == roleTarget && queue == "":
		return errors.New("--queue: missing; name this host as the configuration of the centre does, for example --role target --queue web7")
	case role == roleCentral && (queue != "" || first):
		return errors.New("--queue and --init belong to the worker of a host; add --role target")
	}
	return nil
}

// start starts the worker of a queue's host, or the central one if there is none.
func start(ctx context.Context, c config.Config, queue string, logger *slog.Logger) (a *app.App, up string, err error) {
	if queue != "" {
		a, err = app.StartHost(ctx, c, queue, logger, cloud.Kinds)
		return a, "it does what is asked of host " + queue, err
	}
	if a, err = app.Start(ctx, c, logger, cloud.Kinds); err == nil {
		up = fmt.Sprintf("http://%s, Temporal Web UI: %s", a.Address(), a.UIURL())
	}
	return a, up, err
}

func initialised(c config.Config, queue string) int {
	text, err := app.InitHost(c, queue, cloud.Kinds)
	if err != nil {
		fmt.Fprintf(os.Stderr, "neverlapse-worker: the configuration cannot be used:\n%v\n", err)
		return exitUsage
	}
	fmt.Print(text)
	return 0
}

func checked(c config.Config, queue string) int {
	err := error(nil)
	if queue != "" {
		err = app.CheckHost(c, queue, cloud.Kinds)
	} else {
		err = app.Check(context.Background(), c, cloud.Kinds)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "neverlapse-worker: the configuration cannot be used:\n%v\n", err)
		return exitUsage
	}
	if queue == "" {
		for _, n := range app.Notes(c) {
			fmt.Println("note: " + n)
		}
	}
	fmt.Println("the configuration is good")
	return 0
}
