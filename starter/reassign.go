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
	var g giving
	var note string
	cmd := &cobra.Command{
		Use: "reassign NAME | --owner PERSON [--selector KEY=VALUE] --to PERSON [--team TEAM] [--dry-run] [--note TEXT]", Short: "Give certificates to another owner or team",
		Long: `Give a certificate to another owner, another team or both; what is not named stays
as it is. They are told of every alert that is open from the first step on, whatever
those before had answered.

With several names, or --owner or --selector instead of a name, every certificate that
matches is given; --dry-run shows which. One that is refused is named at the end and
holds up no other, and what is theirs already is left alone, so a run that was cut
short is run again. KEY is owner, team, environment, issuer or keyAlgorithm.

Who gets it has to stand in the directory. Of two who give it away at once the second
is refused and told who was first. When somebody leaves for good: neverlapse handover.`,
		ValidArgsFunction: c.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if g.to == "" && g.team == "" {
				return usage("--to is missing: who gets it? name a person of the directory, a --team or both")
			}
			req, err := c.request(note)
			if err != nil {
				return err
			}
			if g.owner != "" {
				g.selectors = append(g.selectors, "owner="+g.owner)
			}
			if len(args) != 1 || len(g.selectors) > 0 || g.dry {
				return c.giveMany(cmd.Context(), req, args, g)
			}
			name, err := certificateName(args[0])
			if err != nil {
				return err
			}
			if err := c.receives(cmd.Context(), name, g.to, g.team); err != nil {
				return err
			}
			out, err := call(cmd.Context(), c, workflows.Reassign, name, workflows.ReassignRequest{Request: req, Owner: g.to, Team: g.team})
			if err != nil {
				return err
			}
			return c.answer(out.Text, takenView{Name: name, Text: out.Text})
		},
	}
	f := cmd.Flags()
	f.StringVar(&g.to, "to", "", "id of the `person` who owns it from now on")
	f.StringVar(&g.team, "team", "", "id of the `team` that has it from now on")
	f.StringVar(&g.owner, "owner", "", "give what this `person` owns now")
	f.StringSliceVarP(&g.selectors, "selector", "l", nil, "`KEY=VALUE` that certificates must have; repeat or separate by commas")
	f.BoolVar(&g.dry, "dry-run", false, "show what would be given, and give nothing")
	f.StringVar(&note, "note", "", "`text` for the record")
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
