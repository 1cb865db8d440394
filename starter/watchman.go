package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// watchmanView is the JSON of how Neverlapse is watched; its names are a contract
// with scripts.
type watchmanView struct {
	Round     time.Time       `json:"round,omitzero"` // when the latest one ended
	Every     string          `json:"every,omitempty"`
	Late      bool            `json:"late"` // none has ended for two intervals
	Guarded   int             `json:"guarded"`
	Unguarded []unguardedView `json:"unguarded"`
	More      int             `json:"more,omitempty"` // that are not listed
	// Missing are certificates whose live version the store lacks.
	Missing     []workflows.Missing `json:"missing,omitempty"`
	MissingMore int                 `json:"missingMore,omitempty"`
}

// watchmanNames is how many of a kind are named in one line.
const watchmanNames = 20

type unguardedView struct {
	workflows.Unguarded
	ToldAt time.Time `json:"toldAt,omitzero"` // when people were reached first
}

func (c *cli) watchman() *cobra.Command {
	cmd := &cobra.Command{
		Use: "watchman", Short: "Show whether every enrolled certificate is guarded", Args: cobra.NoArgs,
		Long: `Show what the latest round found: certificates that are enrolled, were not retired,
and that nobody guards, because their workflow was ended from outside, was lost by the
engine, or cannot go on; and live versions that the store lacks, as after an older
backup was restored. docs/monitoring.md explains the rounds. It exits with 1 if
there are any, or if no round has ended for two intervals.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.watch(cmd.Context(), c.timeout.value)
			if err != nil {
				return err
			}
			if !c.text() {
				err = c.result(v)
			} else {
				err = c.printWatchman(v)
			}
			switch {
			case err != nil:
				return err
			case len(v.Unguarded) > 0:
				return problem{exitFailed, "nobody guards " + plural(len(v.Unguarded)+v.More, "certificate")}
			case len(v.Missing) > 0:
				return problem{exitFailed, fmt.Sprintf("the store lacks the live version of %d certificates; see: neverlapse store check", len(v.Missing)+v.MissingMore)}
			case v.Late:
				return problem{exitFailed, "no round has ended for two intervals: does a worker run?"}
			}
			return nil
		},
	}
	c.add(cmd, "", c.watchmanRun())
	return cmd
}

// watch reads what the latest round found.
func (c *cli) watch(ctx context.Context, within time.Duration) (watchmanView, error) {
	v := watchmanView{Unguarded: []unguardedView{}}
	conn, err := c.connect(ctx)
	if err != nil {
		return v, err
	}
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	last, every, err := workflows.LastRounds(waiting, conn)
	if err != nil {
		return v, err
	}
	v.Round, v.Guarded, v.More = last.At, last.Guarded, last.More
	v.Missing, v.MissingMore = last.Missing, last.MissingMore
	if every > 0 {
		v.Every = lifecycle.FormatDuration(every)
	}
	v.Late = c.now().Sub(last.At) > 2*every+time.Minute
	for _, u := range last.Unguarded {
		one := unguardedView{Unguarded: u}
		for _, e := range last.Alerts {
			if e.Subject == u.Episode && alert.Reached(e.Receipts) {
				one.ToldAt = e.Receipts[0].At
			}
		}
		v.Unguarded = append(v.Unguarded, one)
	}
	return v, nil
}

func (c *cli) printWatchman(v watchmanView) error {
	if v.Round.IsZero() {
		c.say("no round has ended yet")
		return nil
	}
	c.say("the round of %s found %d certificates guarded, and %d that nobody guards; a round is made every %s", c.when(v.Round), v.Guarded, len(v.Unguarded)+v.More, v.Every)
	if n := len(v.Missing) + v.MissingMore; n > 0 {
		names := make([]string, 0, n)
		for _, m := range v.Missing[:min(len(v.Missing), watchmanNames)] {
			names = append(names, clean(m.Name, 60))
		}
		if more := n - len(names); more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		c.say("the store lacks the live version of: %s", strings.Join(names, ", "))
	}
	if len(v.Unguarded) == 0 {
		return nil
	}
	t := table{head: []string{"NAME", "ENDS", "SINCE", "TOLD", "WHY", "WHAT TO TYPE"}}
	for _, u := range v.Unguarded {
		mend := u.Mend()
		if mend == "" {
			mend = "-"
		}
		t.add(clean(u.Name, 60), c.when(u.NotAfter), c.when(u.Since), c.when(u.ToldAt), clean(u.InWords(), 160), mend)
		t.color(0, red)
	}
	return t.write(c.out, "", c.paint)
}

// remarkUnguarded says beside a list that it is not all. Where the engine does
// not tell at once it says nothing.
func (c *cli) remarkUnguarded(ctx context.Context) {
	v, err := c.watch(ctx, glance)
	if n := len(v.Unguarded) + v.More; err == nil && n > 0 {
		c.remark("%s enrolled and guarded by nobody; see: neverlapse watchman", certificates(n))
	}
}

func (c *cli) watchmanRun() *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "Make a round now", Args: cobra.NoArgs,
		Long: `Make a round now, as the schedule would have it, and wait until it has ended: so long
as --timeout says. Then show what neverlapse watchman shows.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.round(cmd.Context()); err != nil {
				return err
			}
			cmd.Parent().SetContext(cmd.Context())
			return cmd.Parent().RunE(cmd.Parent(), nil)
		},
	}
}

// round has a round be made, and waits until it has ended.
func (c *cli) round(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, c.patience(surveyPatience))
	defer cancel()
	run, err := c.trigger(waiting, workflows.RoundsID, "no round was ever planned: start neverlapse-worker")
	if err != nil {
		return err
	}
	err = c.conn.GetWorkflow(waiting, run, "").Get(waiting, nil)
	if errors.Is(waiting.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the round goes on: %w", errNoWorker)
	}
	return err
}
