package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/stores"
)

// rotatedView is what a rotation did, for programs.
type rotatedView struct {
	Sealed int `json:"sealed"` // data keys there are
	Anew   int `json:"anew"`   // of them wrapped anew this time
}

func (c *cli) storeRotateKey() *cobra.Command {
	return &cobra.Command{
		Use: "rotate-key", Short: "Wrap everything that is sealed in the store with its new key", Args: cobra.NoArgs,
		Long: `Wrap every data key of the store anew with the key of the configuration, where one of
old_keys still wraps it. First put the new key where the key is configured and the one it
replaces below store.options.old_keys, and restart all workers, which then know both; they
may run meanwhile. A key may be in a file, in the environment or in a key service (key_url); a
key of Vault that was given a new version there needs no old_keys. If it is cut short nothing is harmed: begin it again. When it has said
that all is done, take old_keys out of the configuration and restart the workers.
Backups from before still need the old key. docs/stores.md has the steps.`,
		Example: "  neverlapse store rotate-key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.load(); err != nil {
				return err
			}
			done, err := app.RotateKey(cmd.Context(), c.config, stores.Kinds)
			if err != nil {
				if done.Anew > 0 {
					c.remark("neverlapse: %d were wrapped anew; begin again when this is mended, and keep the old key until then", done.Anew)
				}
				return unopened(err)
			}
			if !c.text() {
				return c.result(rotatedView(done))
			}
			_, err = fmt.Fprintf(c.out, "All %d sealed pieces are under the new key, %d of them since now. Old keys can leave the configuration.\n", done.Sealed, done.Anew)
			return err
		},
	}
}
