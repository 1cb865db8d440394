package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/workflows"
)

// takenView is the JSON of approve, deny, reassign, pause, resume and retire; its names are a contract with scripts.
type takenView struct {
	Name  string    `json:"name"`
	Text  string    `json:"text"`
	Until time.Time `json:"until,omitzero"`
}

func (c *cli) pause() *cobra.Command {
	var until, reason string
	cmd := c.onName("pause", " --until DATE|DURATION --reason TEXT", "Renew nothing until a date; alerts go on",
		`Pause the renewal of a managed certificate until a date. Watching and alerts go on.`,
		func(cmd *cobra.Command, name string) error {
			switch {
			case until == "":
				return usage("--until is missing: until when? write a date (2026-08-31) or a duration (3d)")
			case reason == "":
				return usage("--reason is missing: why? it is put on record and shown to everybody who asks")
			}
			end, err := c.future("until", until)
			if err != nil {
				return err
			}
			req, err := c.request(reason)
			if err != nil {
				return err
			}
			out, err := call(cmd.Context(), c, workflows.PauseUntil, name, workflows.PauseRequest{Request: req, Until: end})
			if err != nil {
				return err
			}
			return c.answer(fmt.Sprintf("no renewal of %s before %s; alerts go on", name, c.when(end)), takenView{name, out.Text, end})
		})
	cmd.Flags().StringVar(&until, "until", "", "`date or duration` from now")
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that says why")
	return cmd
}

func (c *cli) resume() *cobra.Command {
	var note string
	cmd := c.onName("resume", " [--note TEXT]", "End a pause or a hold, and give a spent budget back",
		`Let automation go on: end a pause, or the hold that a rollback by hand left, and
give attempts back where all were spent.`,
		func(cmd *cobra.Command, name string) error {
			req, err := c.request(note)
			if err != nil {
				return err
			}
			out, err := call(cmd.Context(), c, workflows.Resume, name, req)
			if err != nil {
				return err
			}
			return c.answer(out.Text, takenView{Name: name, Text: out.Text})
		})
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

func (c *cli) retire() *cobra.Command {
	var note string
	var force bool
	cmd := c.onName("retire", " [--force] [--note TEXT]", "Stop guarding a certificate",
		`Stop guarding a certificate: nobody watches, renews or tells any more. One that was
still served at the last look is refused without --force. Nothing is revoked or
removed from any place; the journal stays.

It waits until what is under way has ended and the last entry is written, as long as
--timeout says.`,
		func(cmd *cobra.Command, name string) error {
			req, err := c.request(note)
			if err != nil {
				return err
			}
			out, err := call(cmd.Context(), c, workflows.Retire, name, workflows.RetireRequest{Request: req, Force: force})
			if err != nil {
				return err
			}
			ended, err := c.gone(cmd.Context(), name)
			if err != nil {
				return err
			}
			if !ended {
				out.Text = name + " is being retired; what is under way ends first: neverlapse status " + name
			}
			return c.answer(out.Text, takenView{Name: name, Text: out.Text})
		})
	cmd.Flags().BoolVar(&force, "force", false, "retire it although it is still served")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}
