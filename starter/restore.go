package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// restoring is what to bring back, and how.
type restoring struct {
	all, yes, dry bool
	note          string
}

func (c *cli) restore() *cobra.Command {
	var r restoring
	cmd := &cobra.Command{
		Use: "restore NAME | --all [--yes] [--note TEXT]", Short: "Bring back a certificate whose workflow was ended or lost",
		Long: `Bring back a certificate whose workflow was terminated in Temporal, or ended
otherwise without being retired: it goes on where it was ended, with everything that
it knew and what it was told since. What Temporal has lost altogether, as with its
database, goes on as the store kept it: what was asked for, who owns it, open alerts
with their answers, pauses, attempts. It first looks at what is served, and issues and
deploys nothing for being restored. To end the guard of a certificate for good, retire it.

With --all, all that a round finds ended or lost (neverlapse watchman): a round is made,
what would be restored is shown, and you are asked to confirm. One that could not be
restored is named at the end and holds up no other; what is guarded is left alone, so a
run that was cut short is run again.`,
		Example:           "  neverlapse restore shop --note \"terminated by mistake\"\n  neverlapse restore --all --dry-run\n  neverlapse restore --all --yes --note \"Temporal's database was lost\"",
		ValidArgsFunction: c.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := c.request(r.note)
			if err != nil {
				return err
			}
			if r.all {
				if len(args) > 0 {
					return usage("a name and --all do not go together; use one of them")
				}
				return c.restoreAll(cmd.Context(), c.in, req, r)
			}
			if r.yes || r.dry {
				return usage("--yes and --dry-run go with --all")
			}
			if err := oneName(cmd, args); err != nil {
				return err
			}
			name, err := certificateName(args[0])
			if err != nil {
				return err
			}
			return c.restoreOne(cmd.Context(), name, req)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&r.all, "all", false, "all that a round finds ended or lost")
	f.BoolVar(&r.yes, "yes", false, "with --all: do not ask")
	f.BoolVar(&r.dry, "dry-run", false, "with --all: show what would be restored, and restore nothing")
	f.StringVar(&r.note, "note", "", "`text` for the record")
	return cmd
}

func (c *cli) restoreOne(ctx context.Context, name string, req workflows.Request) error {
	kept, err := c.revive(ctx, name, req)
	if errors.Is(err, app.ErrGuarded) {
		return problem{exitRefused, name + " is guarded; see it by: neverlapse status " + name}
	}
	if err != nil {
		return err
	}
	text := name + " is guarded again" + c.asKept(kept) + "; see it by: neverlapse status " + name
	return c.answer(text, takenView{Name: name, Text: text})
}

// asKept says of when it is what a certificate was restored from.
func (c *cli) asKept(kept time.Time) string {
	if kept.IsZero() {
		return " where it was"
	}
	return " as the store kept it at " + c.when(kept)
}

// revive restores one. What runs already is app.ErrGuarded.
func (c *cli) revive(ctx context.Context, name string, req workflows.Request) (kept time.Time, err error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return kept, err
	}
	limit := c.patience(admissionPatience)
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	kept, err = app.Restore(waiting, conn, c.config.Temporal, name, req)
	refused := refusal(err)
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, app.ErrGuarded), noEngine(err):
		return kept, err
	case errors.Is(err, app.ErrRetired):
		return kept, problem{exitRefused, name + " was retired; enroll it again"}
	case isA[*serviceerror.WorkflowExecutionAlreadyStarted](err):
		return kept, problem{exitRefused, "an enrolment or a restoration of " + name + " is under way already; try again when it has ended (without a worker it cannot; is neverlapse-worker running?)"}
	case refused != nil:
		return kept, refused
	case waiting.Err() != nil, noWorker(err):
		return kept, problem{exitUnreachable, "no worker restored " + name + " within " + lifecycle.FormatDuration(limit) + "; is neverlapse-worker running? See what came of it by: neverlapse status " + name}
	}
	return kept, err
}

// restoreAll goes on until a round finds nothing more that can be restored.
func (c *cli) restoreAll(ctx context.Context, in io.Reader, req workflows.Request, r restoring) error {
	var all restored
	for lap := 0; ; lap++ {
		if err := c.round(ctx); err != nil {
			return all.ended(ctx, c, err)
		}
		found, err := c.watch(ctx, c.timeout.value)
		if err != nil {
			return all.ended(ctx, c, err)
		}
		todo := all.sort(found.Unguarded)
		if lap == 0 {
			if c.text() {
				if err := c.listLost(found); err != nil {
					return err
				}
			}
			if r.dry {
				return all.shown(c, todo)
			}
			if len(todo) > 0 && !r.yes {
				if err := c.confirmRestore(in, len(todo)+found.More); err != nil {
					return err
				}
			}
		}
		if err := c.reviveMany(ctx, req, todo, &all); err != nil || found.More == 0 || len(todo) == 0 {
			return all.ended(ctx, c, err)
		}
	}
}
