package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func (c *cli) reassign() *cobra.Command {
	var to, team, note string
	cmd := c.onName("reassign", " --to PERSON [--team TEAM] [--note TEXT]", "Give a certificate to another owner or team",
		`Give a certificate to another owner, another team or both; what is not named stays
as it is. They are told of every alert that is open from the first step on, whatever
those before had answered.

Who gets it has to stand in the directory. Of two who give it away at once the second
is refused and told who was first.`,
		func(cmd *cobra.Command, name string) error {
			if to == "" && team == "" {
				return usage("--to is missing: who gets it? name a person of the directory, a --team or both")
			}
			req, err := c.request(note)
			if err != nil {
				return err
			}
			if err := c.receives(cmd.Context(), name, to, team); err != nil {
				return err
			}
			out, err := call(cmd.Context(), c, workflows.Reassign, name, workflows.ReassignRequest{Request: req, Owner: to, Team: team})
			if err != nil {
				return err
			}
			return c.answer(out.Text, takenView{Name: name, Text: out.Text})
		})
	cmd.Flags().StringVar(&to, "to", "", "id of the `person` who owns it from now on")
	cmd.Flags().StringVar(&team, "team", "", "id of the `team` that has it from now on")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

func (c *cli) takeOver() *cobra.Command {
	var note string
	var lasting length
	cmd := c.onName("take-over", " [--for 48h] [--note TEXT]", "Own a certificate from now on, and have what fires",
		`Make yourself the owner of a certificate, and acknowledge every alert of it that is
open, in one answer. You are who --as says, and have to stand in the directory.`,
		func(cmd *cobra.Command, name string) error {
			req, err := c.request(note)
			if err != nil {
				return err
			}
			if err := c.receives(cmd.Context(), name, req.By, ""); err != nil {
				return err
			}
			out, err := call(cmd.Context(), c, workflows.TakeOver, name, workflows.TakeOverRequest{Request: req, For: lasting.value})
			if err != nil {
				return err
			}
			text := out.Text
			if !out.Until.IsZero() {
				text = name + " is " + req.By + "'s from now on; what fires is acknowledged until " + c.when(out.Until)
			}
			return c.answer(text, answerView{Name: name, Alerts: append([]string{}, out.Alerts...), Until: out.Until, Text: out.Text})
		})
	cmd.Flags().Var(&lasting, "for", "how long the acknowledgement lasts (as of ack)")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

// receives refuses owners and teams that are in no directory: that of the
// configuration at hand, or of a worker.
func (c *cli) receives(ctx context.Context, name, owner, team string) error {
	if err := c.load(); err != nil {
		return err
	}
	var err error
	if d := c.config.Directory(); len(d.People) > 0 || len(d.Teams) > 0 {
		err = d.Receives(owner, team)
	} else {
		_, err = work[struct{}](ctx, c, "Receive", name, c.timeout.value, lifecycle.Ownership{Owner: owner, Team: team})
		said, ok := errors.AsType[*temporal.ApplicationError](err)
		if err != nil && (!ok || said.Type() != string(fault.Invalid)) {
			return err
		}
		if ok {
			err = errors.New(said.Message())
		}
	}
	if err != nil {
		return usage("%s", err)
	}
	return nil
}
