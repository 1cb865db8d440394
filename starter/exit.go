package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// The exit codes are a contract with scripts.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitTrouble     = 6
	exitExpiring    = 7
)

const exitCodes = `Exit codes:
  0  done
  1  failed
  2  wrong usage, input or configuration; nothing was sent
  3  not found: the certificate is not enrolled, or has no such version
  4  refused: the certificate's workflow said no, or who asks may not, and why
  5  the engine or a worker is out of reach, or did not answer in time; inspect, scan:
     a host or file could not be read
  6  inspect, scan: something is wrong with a certificate
  7  inspect, scan: one has expired, or a threshold of the default policy is crossed
What a verb adds to this its own help says.`

// problem is an error with its exit code, in words that say how to mend it.
type problem struct {
	code int
	text string
}

func (p problem) Error() string { return p.text }

func usage(format string, args ...any) error {
	return problem{exitUsage, fmt.Sprintf(format, args...)}
}

// Causes when the engine took a question or a change and nobody answered.
var (
	errNoWorker   = errors.New("no worker answered")
	errUnanswered = fmt.Errorf("the change is not confirmed: %w", errNoWorker)
)

// explain gives every error its exit code and a text that a human can act on.
func (c *cli) explain(err error) problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if r, ok := errors.AsType[lifecycle.Refusal](err); ok {
		return problem{exitRefused, r.Text}
	}
	if f, ok := errors.AsType[people.Forbidden](err); ok {
		return problem{exitRefused, f.Error()}
	}
	if n, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return problem{exitUsage, fmt.Sprintf("Temporal has no namespace %q; set temporal.namespace (--namespace)", n.Namespace)}
	}
	app, failed := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case errors.Is(err, workflows.ErrNotEnrolled):
		return problem{exitNotFound, strings.Replace(err.Error(), ": not", " is not", 1) + "; see what is enrolled by: neverlapse list"}
	case noWorker(err):
		text := fmt.Sprintf("no worker answered on task queue %q within %s; is neverlapse-worker running?", c.config.Temporal.TaskQueue, lifecycle.FormatDuration(c.timeout.value))
		if errors.Is(err, errUnanswered) {
			text += " What was asked for may still happen when a worker is back."
		}
		return problem{exitUnreachable, text}
	case noEngine(err):
		return problem{exitUnreachable, "Temporal does not answer: " + err.Error()}
	case failed:
		return problem{exitFailed, "the worker failed: " + app.Message()}
	}
	return problem{exitFailed, err.Error()}
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func noWorker(err error) bool {
	unpolled, ok := errors.AsType[*serviceerror.FailedPrecondition](err)
	return errors.Is(err, errNoWorker) || errors.Is(err, context.DeadlineExceeded) ||
		isA[*client.WorkflowUpdateServiceTimeoutOrCanceledError](err) || isA[*serviceerror.DeadlineExceeded](err) ||
		isA[*temporal.TimeoutError](err) || ok && strings.Contains(unpolled.Message, "poller")
}

func noEngine(err error) bool {
	return isA[*serviceerror.Unavailable](err) || isA[*serviceerror.ResourceExhausted](err)
}
