package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/stores"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// keptView is what the store has of one certificate, for programs.
type keptView struct {
	Name     string           `json:"name"`
	Live     cert.Fingerprint `json:"live,omitempty"`
	NotAfter time.Time        `json:"notAfter"` // of the live version, else of the newest
	Versions []cert.Version   `json:"versions"`
}

// offline are the flags by which a store is found that no configuration names.
type offline struct{ dir, key string }

func (o *offline) flags(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&o.dir, "store", "", "`folder` of the store, or of a copy (default that of the configuration)")
	cmd.Flags().StringVar(&o.key, "key-file", "", "`file` with the key of the store (default that of the configuration)")
	return cmd
}

// with opens the store for as long as act needs it.
func (o *offline) with(ctx context.Context, c *cli, act func(*app.Offline) error) error {
	if o.dir == "" || o.key == "" {
		if err := c.load(); err != nil {
			return err
		}
	} else {
		c.config.Store.Kind = "files"
	}
	s, err := app.OpenOffline(ctx, c.config, o.dir, o.key, stores.Kinds)
	if err != nil {
		return unopened(err)
	}
	defer s.Close()
	return unopened(act(s))
}

// unopened gives an error of the store its exit code.
func unopened(err error) error {
	switch fault.KindOf(err) {
	case "":
		return nil
	case fault.NotFound:
		return problem{exitNotFound, err.Error()}
	case fault.Configuration, fault.Invalid:
		return problem{exitUsage, err.Error()}
	}
	return err
}

func (c *cli) store() *cobra.Command {
	cmd := &cobra.Command{
		Use: "store VERB", Short: "Read the store while nothing else runs, copy it, and rotate its key",
		Long: `Read the store as it lies on the disk, where nothing else may be running: no worker and
no Temporal, which only check asks. list, check and export change nothing, so a copy on
read-only media will do. Run it as who may read the store and the file with its key.
deploy/RUNBOOK.md says when.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return usage("store takes list, check, export, copy or rotate-key, got %q; see: %s --help", strings.Join(args, " "), cmd.CommandPath())
		},
	}
	c.add(cmd, "", c.storeList())
	c.add(cmd, "", c.storeCheck())
	c.add(cmd, "", c.storeExport())
	c.add(cmd, "", c.storeCopy())
	c.add(cmd, "", c.storeRotateKey())
	return cmd
}

func (c *cli) storeList() *cobra.Command {
	var o offline
	cmd := &cobra.Command{
		Use: "list [--store DIR --key-file FILE]", Short: "List the certificates that the store has", Args: cobra.NoArgs,
		Long:    "List every certificate of which the store has a version, and when the live one expires (the newest, where none was proven).",
		Example: "  neverlapse store list\n  neverlapse store list --store /mnt/backup/store --key-file /mnt/keys/store.key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), c, func(s *app.Offline) error {
				all, err := s.List(cmd.Context())
				if err != nil {
					c.remark("neverlapse: some of it cannot be read: %s", cleanLines(err.Error()))
				}
				return c.showKept(all)
			})
		},
	}
	return o.flags(cmd)
}

func (c *cli) showKept(all []app.Kept) error {
	views := []keptView{}
	t := table{head: []string{"NAME", "LIVE", "EXPIRES", "VERSIONS"}}
	for _, k := range all {
		v := keptView{Name: k.Name, Live: k.Live, NotAfter: k.Versions[0].NotAfter, Versions: k.Versions}
		for _, x := range k.Versions {
			if x.Fingerprint == k.Live {
				v.NotAfter = x.NotAfter
			}
		}
		views = append(views, v)
		t.add(v.Name, dash(v.Live.Short()), c.when(v.NotAfter), fmt.Sprint(len(v.Versions)))
	}
	if !c.text() {
		return results(c, views)
	}
	return t.write(c.out, "", c.paint)
}
