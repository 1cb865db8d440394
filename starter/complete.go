package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionPatience is how long a shell may hang on the Tab key.
const completionPatience = 2 * time.Second

// completeName offers the names of enrolled certificates; nothing if the
// engine is out of reach.
func (c *cli) completeName(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || c.bind(cmd) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	rows, err := c.rows(ctx, filter{}.query())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, r := range rows {
		if strings.HasPrefix(r.Name, begun) {
			out = append(out, r.Name+"\t"+r.State+", "+c.left(r.NotAfter))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
