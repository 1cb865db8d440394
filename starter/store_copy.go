package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/stores"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// progressEvery is how often a long copy says where it is.
const progressEvery = 2 * time.Second

// copiedView is what a copy has, for programs.
type copiedView struct {
	From   string `json:"from"`
	To     string `json:"to"`
	DryRun bool   `json:"dryRun"`

	Certificates int      `json:"certificates"`
	Versions     int      `json:"versions"`
	Entries      int      `json:"entries"` // of journals
	Pieces       int      `json:"pieces"`
	Written      int      `json:"written"` // pieces that were not there yet
	Damaged      []string `json:"damaged,omitempty"`
}

func (c *cli) storeCopy() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "copy FROM TO [--dry-run]", Short: "Copy one store into another, as from a folder to PostgreSQL", Args: cobra.ExactArgs(2),
		Long: `Copy the store of one configuration file into that of another, which is empty. FROM and TO
are configuration files of a worker that differ in their section store. Stop all workers of
the store first: one that runs, or that wrote a moment ago, is told, and nothing is copied.
What is sealed is copied as it is, so TO has the same key; for another one name the key of FROM below
old_keys of TO, and run rotate-key with TO afterwards. If it is cut short begin it again: it
goes on, and until it is done no worker starts on TO. At the end everything is read back and
compared, and every private key is opened. FROM stays as it is; no worker on it may serve
the task queue of one on TO. docs/stores.md has the steps.`,
		Example: "  neverlapse store copy neverlapse.yaml on-postgres.yaml --dry-run\n  neverlapse store copy neverlapse.yaml on-postgres.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			copying, err := c.copying(args[0], args[1])
			if err != nil {
				return err
			}
			copying.Options.DryRun = dryRun
			if copying.Temporal, err = c.dial(cmd.Context(), copying.From); err != nil {
				copying.Temporal = nil
				if copying.From.Temporal.Address == "" { // an engine of its own ends with its worker
					return c.copyStore(cmd.Context(), copying)
				}
				c.remark("neverlapse: Temporal cannot be asked whether a worker runs (%s); a worker that writes is noticed all the same, and the copy then stays unfinished", cleanLines(err.Error()))
			} else {
				defer copying.Temporal.Close()
			}
			return c.copyStore(cmd.Context(), copying)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "look at both and count, but write nothing")
	return cmd
}

func (c *cli) copying(from, to string) (app.Copying, error) {
	var out app.Copying
	out.Options.Now = c.now()
	for file, into := range map[string]*config.Config{from: &out.From, to: &out.To} {
		loaded, err := config.Load(file, c.env)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; FROM and TO are configuration files", err)
		}
		if err != nil {
			return out, problem{exitUsage, err.Error()}
		}
		*into = loaded
	}
	return out, nil
}

func (c *cli) copyStore(ctx context.Context, x app.Copying) error {
	told := c.now()
	x.Options.Progress = func(rooms, all int) {
		if now := c.now(); now.Sub(told) >= progressEvery {
			told = now
			c.remark("%d of %d parts are copied", rooms, all)
		}
	}
	done, at, err := app.CopyStore(ctx, x, stores.Kinds)
	if err != nil {
		if done.Written > 0 {
			c.remark("neverlapse: %d pieces were copied; begin again when this is mended, and it goes on", done.Written)
		}
		if fault.Is(err, fault.Conflict) {
			return problem{exitRefused, err.Error()}
		}
		return unopened(err)
	}
	for _, d := range done.Damaged {
		c.remark("neverlapse: %s cannot be opened in the original either", d)
	}
	if !c.text() {
		return c.result(copiedView{at.From, at.To, x.Options.DryRun, done.Certificates, done.Versions, done.Entries, done.Pieces, done.Written, done.Damaged})
	}
	counts := fmt.Sprintf("%d certificates with %d versions and %d entries of journals, in %d pieces", done.Certificates, done.Versions, done.Entries, done.Pieces)
	if x.Options.DryRun {
		_, err = fmt.Fprintf(c.out, "%s has %s. %s can take them. Nothing was written.\n", at.From, counts, at.To)
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s has %s, all as in %s; %d pieces were written now. Start the workers with the configuration of the copy.\n", at.To, counts, at.From, done.Written)
	return err
}
