package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

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
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	out, err := c.gate(conn).Decide(waiting, u, c.now(), name, workflows.DecideRequest{Request: req})
	switch {
	case err != nil && waiting.Err() != nil && ctx.Err() == nil && !noEngine(err):
		return fmt.Errorf("%s of %s: %w", u.Name, name, errUnanswered)
	case err != nil:
		return err
	}
	return c.answer(out.Text, takenView{Name: name, Text: out.Text})
}
