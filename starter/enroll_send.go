package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

const (
	// admissionPatience is how long a worker may take to come and admit a certificate.
	admissionPatience = 2 * time.Minute
	// silence is how long nothing may happen before the reader is told.
	silence = 5 * time.Second
)

// enlist looks first and enrols then.
func (c *cli) enlist(ctx context.Context, w wish) error {
	seen := c.sight(ctx, w.places, w.domains)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	names := w.domains
	if c.text() && (len(names) > 0 || slices.ContainsFunc(seen, cert.Observation.Seen)) {
		c.printSeen(seen)
	}
	if len(names) == 0 {
		var err error
		if names, err = c.served(seen); err != nil {
			return err
		}
	}
	in := w.input(names)
	in.Lifetime = lifetimeSeen(seen)
	if w.owner == "" && w.team == "" {
		c.remark("nobody in particular will be told; name somebody by --owner or --team")
	}
	if w.dry {
		return c.enrolled(in, "dry-run", seen)
	}
	if _, err := c.admit(ctx, in); err != nil {
		return err
	}
	return c.enrolled(in, "enrolled", seen)
}

// admit runs the enrolment to its end, and says so when nothing happens for a while.
func (c *cli) admit(ctx context.Context, in workflows.EnrollmentInput) (lifecycle.Spec, error) {
	reminder := c.remind()
	defer reminder.Stop()
	return c.enrollment(ctx, in)
}

// remind tells the reader that nothing happens, unless it is stopped in time.
func (c *cli) remind() *time.Timer {
	return time.AfterFunc(silence, func() { c.remark("no worker has answered yet; is neverlapse-worker running?") })
}

// enrollment runs one to its end. Only one of a name goes on at a time.
func (c *cli) enrollment(ctx context.Context, in workflows.EnrollmentInput) (lifecycle.Spec, error) {
	req, err := c.request("")
	if err != nil {
		return lifecycle.Spec{}, err
	}
	limit := c.patience(admissionPatience)
	in.By, in.Via, in.Within = req.By, req.Via, limit
	conn, err := c.connect(ctx)
	if err != nil {
		return lifecycle.Spec{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, limit+silence)
	defer cancel()
	out, err := workflows.Enroll(waiting, conn, c.config.Temporal.TaskQueue, in)
	if isA[*serviceerror.WorkflowExecutionAlreadyStarted](err) {
		return lifecycle.Spec{}, problem{exitRefused, "an enrolment of " + in.Name + " is under way already; try again when it has ended (without a worker it cannot; is neverlapse-worker running?)"}
	}
	return out.Spec, admission(ctx, in.Name, limit, err)
}

// admission says why an enrolment did not end well.
func admission(ctx context.Context, name string, limit time.Duration, err error) error {
	refused := refusal(err)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case refused != nil:
		return refused
	case noWorker(err):
		return problem{exitUnreachable, fmt.Sprintf("no worker admitted %s within %s, so it is not enrolled; start neverlapse-worker and enroll it again", name, lifecycle.FormatDuration(limit))}
	}
	return err
}

// failure is the detail of a refusal: which kind of fault it was.
type failure struct {
	Kind string `json:"kind"`
}

// refusal says what a workflow refused, and why; nil if it did not refuse.
func refusal(err error) error {
	app, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok || workflows.RefusedText(err) == "" {
		return nil
	}
	var f failure
	if app.HasDetails() && app.Details(&f) == nil && f.Kind == "not-found" {
		return problem{exitNotFound, app.Message()}
	}
	return lifecycle.Refusal{Text: app.Message()}
}
