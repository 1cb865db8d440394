package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/app"
)

func (c *cli) restore() *cobra.Command {
	var note string
	cmd := c.onName("restore", " [--note TEXT]", "Bring back a certificate whose workflow was ended from outside",
		`Bring back a certificate whose workflow was terminated in Temporal, or ended
otherwise without being retired: it goes on where it was ended, with everything that
it knew and what it was told since. neverlapse watchman lists such certificates. What
the engine has lost altogether cannot be brought back so: enroll it again. To end the
guard of a certificate for good, retire it.`,
		func(cmd *cobra.Command, name string) error {
			req, err := c.request(note)
			if err != nil {
				return err
			}
			_, err = within(cmd.Context(), c, "restore of "+name, func(ctx context.Context, conn client.Client) (struct{}, error) {
				return struct{}{}, app.Restore(ctx, conn, c.config.Temporal.Namespace, name, req)
			})
			switch {
			case errors.Is(err, app.ErrNothingLeft):
				return problem{exitNotFound, "the engine holds nothing of " + name + "; enroll it again, and see how it was by: neverlapse history " + name}
			case errors.Is(err, app.ErrRetired):
				return problem{exitRefused, name + " was retired; enroll it again"}
			case errors.Is(err, app.ErrGuarded):
				return problem{exitRefused, name + " is guarded; see it by: neverlapse status " + name}
			case err != nil:
				return err
			}
			text := name + " is guarded again; see it by: neverlapse status " + name
			return c.answer(text, takenView{Name: name, Text: text})
		})
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}
