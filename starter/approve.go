package main

import (
	"context"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/workflows"
)

func (c *cli) approve() *cobra.Command {
	var note string
	cmd := c.onName("approve", " [--note TEXT]", "Approve what waits for it: an issuance or a deployment",
		`Approve what a certificate waits for, as its policy has people do before something is
issued or deployed: status and explain show it. Who asked for it cannot approve it,
nor can who fills none of the roles that the policy names; who fills which is read
from the configuration of this command. The approval is for exactly what is asked:
another candidate is asked about anew.`,
		func(cmd *cobra.Command, name string) error {
			return c.decide(cmd.Context(), workflows.Approve, name, note)
		})
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

func (c *cli) deny() *cobra.Command {
	var note string
	cmd := c.onName("deny", " --note TEXT", "Deny what waits for approval; alerts go on",
		`Deny what a certificate waits for. A renewal is held back: alerts go on as time runs
out, people are asked again after a while, and whoever may approves it after all. A
deployment that somebody asked for by hand is dropped.`,
		func(cmd *cobra.Command, name string) error {
			if note == "" {
				return usage("--note is missing: why? it is put on record and told to those who asked")
			}
			return c.decide(cmd.Context(), workflows.Deny, name, note)
		})
	cmd.Flags().StringVar(&note, "note", "", "`text` that says why")
	return cmd
}

// decide sends a word about an approval.
func (c *cli) decide(ctx context.Context, u workflows.Update[workflows.DecideRequest, workflows.Taken], name, note string) error {
	req, err := c.request(note)
	if err != nil {
		return err
	}
	out, err := within(ctx, c, u.Name+" of "+name, func(ctx context.Context, conn client.Client) (workflows.Taken, error) {
		return c.gate(conn).Decide(ctx, u, c.now(), name, workflows.DecideRequest{Request: req})
	})
	if err != nil {
		return err
	}
	return c.answer(out.Text, takenView{Name: name, Text: out.Text})
}
