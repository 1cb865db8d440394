package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestEveryErrorHasItsExitCodeAndSaysWhatToDo(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		code int
		want string
	}{
		"usage":             {fmt.Errorf("deep: %w", usage("write x")), exitUsage, "write x"},
		"refusal":           {fmt.Errorf("deep: %w", lifecycle.Refusal{Text: "no alert is firing"}), exitRefused, "no alert is firing"},
		"not enrolled":      {fmt.Errorf("www: %w", workflows.ErrNotEnrolled), exitNotFound, "www is not enrolled; see what is enrolled by: neverlapse list"},
		"namespace":         {serviceerror.NewNamespaceNotFound("prod"), exitUsage, `no namespace "prod"; set temporal.namespace`},
		"deadline":          {context.DeadlineExceeded, exitUnreachable, "is neverlapse-worker running?"},
		"update timed out":  {client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded), exitUnreachable, "no worker answered"},
		"update unanswered": {fmt.Errorf("ack: %w", errUnanswered), exitUnreachable, "may still happen when a worker is back"},
		"no poller":         {serviceerror.NewFailedPrecondition("no poller seen for task queue recently, worker may be down"), exitUnreachable, "no worker answered"},
		"other condition":   {serviceerror.NewFailedPrecondition("something else"), exitFailed, "something else"},
		"engine is down":    {serviceerror.NewUnavailable("connection refused"), exitUnreachable, "Temporal does not answer: connection refused"},
		"worker failed":     {temporal.NewApplicationError("disk full", "transient"), exitFailed, "the worker failed: disk full"},
		"anything else":     {errors.New("boom"), exitFailed, "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCLI(nil, nil, nil)
			p := c.explain(tc.err)
			wantCode(t, p.code, tc.code, p.text)
			wantText(t, p.text, tc.want)
		})
	}
}

func TestARefusedEnrolmentIsToldApartFromOneThatNobodyDid(t *testing.T) {
	details := func(kind string) error {
		return temporal.NewApplicationErrorWithOptions("www is not enrolled", "Refused", temporal.ApplicationErrorOptions{Details: []any{failure{kind}}})
	}
	for name, tc := range map[string]struct {
		err  error
		code int
	}{
		"done":       {nil, exitOK},
		"invalid":    {details("invalid"), exitRefused},
		"not found":  {details("not-found"), exitNotFound},
		"no details": {temporal.NewApplicationError("already enrolled", "Refused"), exitRefused},
		"broken":     {temporal.NewApplicationError("policy of www", "json"), exitFailed},
		"nobody":     {context.DeadlineExceeded, exitUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			err := admission(t.Context(), "www", admissionPatience, tc.err)
			if err == nil {
				wantCode(t, exitOK, tc.code, "")
				return
			}
			c := newCLI(nil, nil, nil)
			wantCode(t, c.explain(err).code, tc.code, err.Error())
		})
	}
}

func TestAnErrorOfSeveralLinesStaysReadableAndHarmless(t *testing.T) {
	if got, want := cleanLines("owner: \x1b[2Jbad\nteam: worse\n"), `owner: \x1b[2Jbad`+"\n  team: worse"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
