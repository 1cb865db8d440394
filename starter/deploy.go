package main

import (
	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/workflows"
)

// deployment is what somebody asks of deploy.
type deployment struct {
	version, note string
	targets       []string
	dry, wait     bool
	override      bool
}

func (c *cli) deploy() *cobra.Command {
	var d deployment
	cmd := c.onName("deploy", " [--version live|FINGERPRINT|SERIAL] [--target TARGET]... [--dry-run | --wait] [--override-freeze] [--note TEXT]", "Deploy a version again, or show what that would change",
		`Deploy the live version of a managed certificate again, or another one that the
store has, to all its targets or to some; by batches, if its policy says so. With
--dry-run nothing is changed: each target is asked what it has and would get, which
files would be written, which commands would run, and the server's own check runs.
It exits 1 if a target could not be deployed to as things are.

Another version than the live one becomes live if it goes to every target; automation
then waits for neverlapse resume, at the latest until the last safe moment. On some
targets it stays beside the live one, and people are told that these differ.

In a freeze of its policy it is refused without --override-freeze, as renew is.`,
		func(cmd *cobra.Command, name string) error {
			if d.dry {
				return c.rehearse(cmd.Context(), name, d)
			}
			if err := overriding(d.override, d.note); err != nil {
				return err
			}
			req, err := c.request(d.note)
			if err != nil {
				return err
			}
			in := workflows.DeployRequest{Request: req, Targets: d.targets, OverrideFreeze: d.override}
			if in.Version, err = c.deployable(cmd.Context(), name, "--version", d.version, "live"); err != nil {
				return err
			}
			return c.begin(cmd.Context(), name, d.wait, func() (workflows.Taken, error) {
				return call(cmd.Context(), c, workflows.Deploy, name, in)
			})
		})
	f := cmd.Flags()
	f.StringVar(&d.version, "version", "live", "`version`: live, or the first digits of a fingerprint or serial")
	f.StringSliceVar(&d.targets, "target", nil, "`target` that shall have it; repeat (default all)")
	f.BoolVar(&d.dry, "dry-run", false, "change nothing; show target by target what would change")
	f.BoolVar(&d.override, "override-freeze", false, "deploy although a freeze of its policy holds; needs --note")
	f.BoolVar(&d.wait, "wait", false, "wait for the end of the deployment")
	f.StringVar(&d.note, "note", "", "`text` for the record")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "wait")
	return cmd
}
