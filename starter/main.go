// Command neverlapse is the operators' CLI: it enrolls certificates, shows
// where they stand and gives people's answers to their workflows. It decides
// nothing and writes nothing itself; whatever it asks for is checked and done
// by the workflow of the certificate.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// run is one invocation; it gives the exit code.
func run(args, env []string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return newCLI(env, out, errs).run(ctx, args)
}

// cli is one invocation: the outside world, which tests replace, and the flags
// that every verb has.
type cli struct {
	env       []string
	in        io.Reader
	out, errs io.Writer
	now       func() time.Time
	zone      *time.Location
	dial      func(context.Context, config.Config) (client.Client, error)
	look      func(context.Context, cert.Endpoint, []string) []cert.Observation

	file, address, namespace, data, as string
	output                             choice
	color                              choice
	timeout                            length

	started bool // a verb has begun: what fails from here on is not a wrong flag
	config  config.Config
	conn    client.Client
}

func newCLI(env []string, out, errs io.Writer) *cli {
	return &cli{
		env: env, in: os.Stdin, out: out, errs: errs, now: time.Now, zone: time.Local,
		dial: func(ctx context.Context, c config.Config) (client.Client, error) {
			return app.Dial(ctx, c, slog.New(slog.DiscardHandler))
		},
		output: choice{value: "text", of: []string{"text", "json", "jsonl"}},
		color:  choice{value: "auto", of: []string{"auto", "always", "never"}},
		// Temporal gives what a killed worker had in hand to another one after 10 s.
		timeout: length{value: 20 * time.Second},
	}
}

func (c *cli) run(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	root.SetOut(c.out)
	root.SetErr(c.errs)
	err := root.ExecuteContext(ctx)
	if c.conn != nil {
		c.conn.Close()
	}
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && !isA[problem](err):
		err = problem{exitFailed, "stopped; what was already asked for goes on"}
	case !c.started && !isA[problem](err):
		err = usage("%s; see: %s --help", err, root.Name())
	}
	p := c.explain(err)
	fmt.Fprintln(c.errs, "neverlapse: "+cleanLines(p.text))
	return p.code
}
