// Command neverlapse-worker joins Temporal, or starts the embedded engine where
// no address is configured, and does the work of every enrolled certificate.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // people's time zones, also where the system has none

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/config"
)

// Exit codes.
const (
	exitFailed = 1 // could not start, or could not go on
	exitUsage  = 2 // the configuration or a flag is wrong
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	flags := flag.NewFlagSet("neverlapse-worker", flag.ContinueOnError)
	file := flags.String("config", os.Getenv("NEVERLAPSE_CONFIG"), "the `file` to read; ./neverlapse.yaml or /etc/neverlapse/neverlapse.yaml if empty")
	check := flags.Bool("check", false, "check the configuration and exit")
	version := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if *version {
		fmt.Println(app.Version(debug.ReadBuildInfo))
		return 0
	}
	c, err := config.Load(*file, os.Environ())
	if err != nil {
		fmt.Fprintf(os.Stderr, "neverlapse-worker: the configuration cannot be used:\n%v\n", err)
		return exitUsage
	}
	if *check {
		return checked(c)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := app.Logger(os.Stderr, c.Log)
	slog.SetDefault(logger)
	a, err := app.Start(ctx, c, logger)
	if err != nil {
		fmt.Fprintf(os.Stderr, "neverlapse-worker: cannot start:\n%v\n", err)
		return exitFailed
	}
	defer a.Stop()
	fmt.Fprintf(os.Stderr, "neverlapse-worker is up: http://%s, Temporal Web UI: %s\n", a.Address(), a.UIURL())
	select {
	case <-ctx.Done():
		stop() // a second signal does not wait for what is under way
		return 0
	case err := <-a.Failed():
		fmt.Fprintf(os.Stderr, "neverlapse-worker: %v\n", err)
		return exitFailed
	}
}

func checked(c config.Config) int {
	if err := app.Check(context.Background(), c); err != nil {
		fmt.Fprintf(os.Stderr, "neverlapse-worker: the configuration cannot be used:\n%v\n", err)
		return exitUsage
	}
	for _, n := range app.Notes(c) {
		fmt.Println("note: " + n)
	}
	fmt.Println("the configuration is good")
	return 0
}
