package main

import (
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
)

func (c *cli) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := app.Version(debug.ReadBuildInfo)
			if c.text() {
				c.say("%s", v)
				return nil
			}
			return c.result(struct {
				Version string `json:"version"`
			}{strings.TrimPrefix(v, "neverlapse ")})
		},
	}
}
