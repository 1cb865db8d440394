package main

import (
	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/workflows"
)

func (c *cli) rollback() *cobra.Command {
	var to, note string
	var wait bool
	cmd := c.onName("rollback", " --to previous|FINGERPRINT|SERIAL [--wait] [--note TEXT]", "Deploy an earlier version again",
		`Deploy the previous version of a managed certificate, or one that the store has,
by the first digits of its fingerprint or serial (with or without colons), if it is
neither expired nor revoked. It goes to every target at once. Automation then keeps
its hands off until neverlapse resume, at the latest until the last safe moment.
neverlapse deploy does the same by batches, or for some targets.`,
		func(cmd *cobra.Command, name string) error {
			req, err := c.request(note)
			if err != nil {
				return err
			}
			in := workflows.RollBackRequest{Request: req}
			if in.To, err = c.deployable(cmd.Context(), name, "--to", to, "previous"); err != nil {
				return err
			}
			return c.begin(cmd.Context(), name, wait, func() (workflows.Taken, error) {
				return call(cmd.Context(), c, workflows.RollBack, name, in)
			})
		})
	cmd.Flags().StringVar(&to, "to", "", "`version`: previous, or the first digits of a fingerprint or serial")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the end of the deployment")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}
