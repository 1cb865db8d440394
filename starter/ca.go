package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) ca() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ca VERB", Short: "See what the CAs allow",
		Long: "See what the CAs of the worker's configuration allow. docs/rate-limits.md explains it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return usage("ca takes budget, got %q; see: %s --help", strings.Join(args, " "), cmd.CommandPath())
		},
	}
	c.add(cmd, "", c.caBudget())
	return cmd
}
