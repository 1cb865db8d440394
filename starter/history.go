package main

import (
	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func (c *cli) history() *cobra.Command {
	var limit int
	cmd := c.onName("history", " [--limit N]", "Show the journal of a certificate, the oldest entry first",
		`Show the journal of a certificate: every alert, answer, attempt and outcome, and
who decided what. The journal outlives the certificate's workflow, so that of a
retired certificate can be read too. A worker reads it from the store.`,
		func(cmd *cobra.Command, name string) error {
			if limit < 0 {
				return usage("--limit: %d is negative; write how many entries to show, or 0 for all", limit)
			}
			entries, err := hand[[]cert.Entry](cmd.Context(), c, "History", name)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				return problem{exitNotFound, name + " has no journal: it was never enrolled here; see what is by: neverlapse list"}
			}
			if limit > 0 && len(entries) > limit {
				entries = entries[len(entries)-limit:]
			}
			if !c.text() {
				return results(c, entries)
			}
			return c.printEntries(entries)
		})
	cmd.Flags().IntVarP(&limit, "limit", "l", 0, "only the latest `N` entries")
	return cmd
}

func (c *cli) printEntries(entries []cert.Entry) error {
	t := table{head: []string{"AT", "KIND", "BY", "WHAT"}}
	for _, e := range entries {
		by := clean(e.By, 32)
		if e.By != "" && e.Via != "" {
			by += " (" + clean(e.Via, 16) + ")"
		}
		text := clean(e.Text, 0)
		if e.Note != "" {
			text += " [" + clean(e.Note, 0) + "]"
		}
		t.add(c.when(e.At), clean(e.Kind, 0), by, text)
	}
	return t.write(c.out, "", c.paint)
}
