// Command neverlapse-engine is a Temporal server and its Web UI in one process, on SQLite or PostgreSQL.
//
// It takes the argv of `temporal server start-dev`, so whatever starts that command can start this one: the supervisor in
// internal/engine, and the SDK's testsuite.StartDevServer with ExistingPath. It adds what Neverlapse needs of the store (WAL, our
// search attributes, retention of 400 days) and asks no host on the internet for news or versions.
//
// It is a module of its own because the server weighs hundreds of modules that the product need not carry. It asks
// nobody who they are unless told to, and listens on the loopback address unless told otherwise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	uiversion "github.com/temporalio/ui-server/v2/server/version"
	"go.temporal.io/server/common/headers"
)

// stopTimeout bounds a graceful stop; the store survives a harder end.
const stopTimeout = 10 * time.Second

func main() {
	switch err := run(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "neverlapse-engine: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-v" || args[0] == "version") {
		fmt.Printf("neverlapse-engine (Server %s, UI %s)\n", headers.ServerVersion, uiversion.UIVersion)
		return nil
	}
	if len(args) < 2 || args[0] != "server" || args[1] != "start-dev" && args[1] != "start" {
		return fmt.Errorf("the only command is `server start [flags]`, or `start-dev`, which is the same; `server start-dev --help` lists the flags")
	}
	o, err := parseFlags(args[2:])
	if err != nil {
		return err
	}
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer restore()

	stop, lost, err := o.start()
	if err != nil {
		return err
	}
	o.announce()
	select {
	case err := <-lost:
		return err // another engine goes on: what is left here must end at once
	case <-ctx.Done():
	}
	restore() // a second signal ends the process at once

	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		return err
	case <-time.After(stopTimeout):
		return fmt.Errorf("did not stop within %s; the database is intact", stopTimeout)
	}
}

// announce prints what a person who started this by hand wants to click on.
func (o *options) announce() {
	fmt.Printf("Server: %s\n", hostPort(o.ip, o.port))
	if !o.headless {
		fmt.Printf("UI:     http://%s%s\n", hostPort(o.uiIP, o.uiPort), o.uiPublicPath)
	}
	if o.metricsPort > 0 {
		fmt.Printf("Metrics: http://%s/metrics\n", hostPort(o.ip, o.metricsPort))
	}
	if o.dbFile == "" && o.postgresFile == "" {
		fmt.Println("Store:  in memory; everything is gone when this process ends (--db-filename keeps it)")
	}
}
