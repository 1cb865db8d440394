package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/workflows"
)

// digestLimit is how long reading a week may take.
const digestLimit = 5 * time.Minute

func (c *cli) digest() *cobra.Command {
	var team, language string
	var send bool
	cmd := &cobra.Command{
		Use: "digest --team TEAM [--send]", Short: "Show or send how the certificates of a team did this week and what comes", Args: cobra.NoArgs,
		Long: `Show the weekly digest of a team as it would be now: what failed and is open, what
ends or is renewed in the next two weeks, what nobody owns, what is weak, what is
new, and who answered. --send sends it to the team instead. By itself it is sent
once a week, as the section digest of the configuration says (docs/digests.md).

It needs a running worker, and takes minutes at most.`,
		Example: "  neverlapse digest --team web\n  neverlapse digest --team web --send",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if team == "" || alert.Clean(team) != team {
				return usage("--team: whose week? write the id of a team")
			}
			if send {
				return c.sendDigest(cmd.Context(), team)
			}
			week, err := work[alert.Weekly](cmd.Context(), c, "Weekly", team, digestLimit, workflows.WeeklyInput{Team: team})
			if err != nil {
				return unknown(err)
			}
			if !c.text() {
				return c.result(week)
			}
			t := alert.Render(workflows.WeeklyNotice(week, team, "shown"), language, "")
			t.Commands = alert.List{}
			_, err = fmt.Fprint(c.out, alert.Plain(t))
			return err
		},
	}
	cmd.Flags().StringVar(&team, "team", "", "`id` of the team")
	cmd.Flags().StringVar(&language, "language", "en", "en or ko; what is sent is in that of the team")
	cmd.Flags().BoolVar(&send, "send", false, "send it to the team")
	return cmd
}

// sendDigest has it sent now.
func (c *cli) sendDigest(ctx context.Context, team string) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, digestLimit)
	defer cancel()
	run, err := conn.ExecuteWorkflow(waiting, client.StartWorkflowOptions{
		ID: workflows.DigestID(team) + "/" + newID(), TaskQueue: c.config.Temporal.TaskQueue, WorkflowExecutionTimeout: time.Hour,
		StaticSummary: "tell team " + team + " of its week, as somebody asked",
	}, "DigestWorkflow", workflows.WeeklyInput{Team: team, Empty: true})
	var out workflows.WeeklyOutput
	if err == nil {
		err = run.Get(waiting, &out)
	}
	switch {
	case err != nil && waiting.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("the digest of %s: %w", team, errNoWorker)
	case err != nil:
		return unknown(err)
	}
	return c.answer("the digest of "+team+" was sent to "+strings.Join(out.To, ", "), out)
}
