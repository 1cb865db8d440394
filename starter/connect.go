package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// load reads the configuration; flags go in as the variables whose names they
// share, so that both are checked by the same rules.
func (c *cli) load() error {
	if c.config.Temporal.TaskQueue != "" {
		return nil
	}
	env := slices.Clone(c.env)
	for flag, value := range map[string]string{"address": c.address, "namespace": c.namespace, "data": c.data} {
		if value != "" {
			env = append(env, globalVariables[flag]+"="+value)
		}
	}
	loaded, err := config.Load(c.file, env)
	if err != nil {
		text := strings.Replace(err.Error(), "from the environment:", "from flags and the environment:", 1)
		for flag, name := range globalVariables {
			if c.getenv(name) == "" {
				text = strings.ReplaceAll(text, "(from "+name+")", "(from --"+flag+")")
			}
		}
		return usage("%s", text)
	}
	c.config = loaded
	return nil
}

// connect dials Temporal once in an invocation.
func (c *cli) connect(ctx context.Context) (client.Client, error) {
	if c.conn != nil {
		return c.conn, nil
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	dialling, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	conn, err := c.dial(dialling, c.config)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, problem{exitUnreachable, err.Error()}
	}
	c.conn = conn
	return conn, nil
}

// patience is how long to wait for work that takes its time: --timeout if it
// was given, else what is usual.
func (c *cli) patience(usual time.Duration) time.Duration {
	if c.timeout.set {
		return c.timeout.value
	}
	return usual
}

// link is where people see the certificate whole; empty if that is not known.
func (c *cli) link(name string) string { return app.Link(c.config, name) }

// page reads one page of the engine's index.
func (c *cli) page(ctx context.Context, conn client.Client, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	out, err := conn.ListWorkflow(waiting, r)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, problem{exitUnreachable, fmt.Sprintf("Temporal did not list certificates within %s; give it longer by --timeout", lifecycle.FormatDuration(c.timeout.value))}
	}
	if bad, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok {
		return nil, problem{exitFailed, "Temporal refuses the list: " + bad.Message + " (are the search attributes of Neverlapse registered in this namespace?)"}
	}
	return out, err
}
