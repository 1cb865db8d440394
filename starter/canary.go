package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// canaryView is the JSON of the canary; its names are a contract with scripts.
type canaryView struct {
	CA        string    `json:"ca"`
	Every     string    `json:"every"`
	At        time.Time `json:"at,omitzero"` // of the latest try
	Outcome   string    `json:"outcome,omitempty"`
	Cause     string    `json:"cause,omitempty"`
	Succeeded time.Time `json:"succeeded,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"` // of the version that it has
	Serial    string    `json:"serial,omitempty"`
	Failing   bool      `json:"failing"`
	Late      bool      `json:"late"` // not renewed for two intervals
}

func (c *cli) canary() *cobra.Command {
	cmd := &cobra.Command{
		Use: "canary", Short: "Show whether the canary certificate is renewed", Args: cobra.NoArgs,
		Long: `Show when the canary certificate of the configuration (section canary) was renewed last,
and how the latest try ended. docs/monitoring.md explains it. It exits with 1 if the
latest try failed or it was not renewed for two intervals, and with 3 if there is none.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := c.seeCanary(cmd.Context())
			if err != nil {
				return err
			}
			if !c.text() {
				err = c.result(v)
			} else {
				c.printCanary(v)
			}
			switch {
			case err != nil:
				return err
			case v.Failing:
				return problem{exitFailed, "the canary certificate could not be renewed"}
			case v.Late:
				return problem{exitFailed, "the canary certificate was not renewed for two intervals: does a worker run?"}
			}
			return nil
		},
	}
	c.add(cmd, "", c.canaryRun())
	return cmd
}

var noCanary = problem{exitNotFound, "no canary is configured; docs/monitoring.md shows how to add one"}

func (c *cli) seeCanary(ctx context.Context) (canaryView, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return canaryView{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	last, every, err := workflows.LastCanary(waiting, conn)
	switch {
	case err != nil:
		return canaryView{}, err
	case every == 0:
		return canaryView{}, noCanary
	}
	return canaryView{
		CA: last.CA, Every: lifecycle.FormatDuration(every), At: last.At, Outcome: last.Outcome, Cause: last.Cause, Succeeded: last.Succeeded,
		NotAfter: last.Version.NotAfter, Serial: last.Version.Serial, Failing: len(last.Alerts) > 0,
		Late: !last.At.IsZero() && c.now().Sub(last.Succeeded) > 2*every+time.Hour,
	}, nil
}

func (c *cli) printCanary(v canaryView) {
	if v.At.IsZero() {
		c.say("the canary certificate was not renewed yet; it is every %s", v.Every)
		return
	}
	c.say("canary certificate at %s, renewed every %s", clean(v.CA, 60), v.Every)
	c.fact("renewed", "%s", c.when(v.Succeeded))
	c.fact("ends", "%s", c.when(v.NotAfter))
	c.fact("latest try", "%s: %s", c.when(v.At), v.Outcome)
	c.fact("cause", "%s", v.Cause)
}

func (c *cli) canaryRun() *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "Renew the canary certificate now", Args: cobra.NoArgs,
		Long: `Renew the canary certificate now, as its schedule would have it, and wait until that has
ended: 30m unless --timeout says otherwise. Then show what neverlapse canary shows. It
counts against the CA's limits like any other order.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), c.patience(surveyPatience))
			defer cancel()
			run, err := c.trigger(ctx, workflows.CanaryID, noCanary.text)
			if err != nil {
				return err
			}
			err = c.conn.GetWorkflow(ctx, run, "").Get(ctx, nil)
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("the renewal goes on: %w", errNoWorker)
			}
			if err != nil {
				return err
			}
			cmd.Parent().SetContext(cmd.Context())
			return cmd.Parent().RunE(cmd.Parent(), nil)
		},
	}
}
