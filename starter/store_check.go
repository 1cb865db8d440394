package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// missingView is a certificate whose live version the store does not have, or
// does not open.
type missingView struct {
	Name        string           `json:"name"`
	Fingerprint cert.Fingerprint `json:"fingerprint"`
	NotAfter    time.Time        `json:"notAfter"`
	Why         string           `json:"why"`
}

func (c *cli) storeCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Tell which live versions the store does not have, as after a restore", Args: cobra.NoArgs,
		Long: `Compare the store of the configuration with what Temporal knows: each managed certificate
has a live version, and the store should have it and its key. After an older backup was
restored it does not have those that were issued since: they are served and watched, but
cannot be deployed again. Renew them: neverlapse renew NAME. One that was issued elsewhere
and is not renewed here yet is listed, too. Nothing is changed.
Exit code 6 if there are any.`,
		Example: "  neverlapse store check\n  neverlapse store check -o json | jq -r '.[].name'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows, err := c.rows(cmd.Context(), (&filter{}).query())
			if err != nil {
				return err
			}
			var o offline
			missing := []missingView{}
			managed := 0
			err = o.with(cmd.Context(), c, func(s *app.Offline) error {
				for _, r := range rows {
					if !r.Managed || r.Fingerprint == "" {
						continue
					}
					managed++
					f := cert.Fingerprint(r.Fingerprint)
					if _, _, err := s.Take(cmd.Context(), r.Name, r.Fingerprint); err != nil {
						missing = append(missing, missingView{Name: r.Name, Fingerprint: f, NotAfter: r.NotAfter, Why: err.Error()})
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			if err := c.showMissing(missing, managed); err != nil {
				return err
			}
			if len(missing) > 0 {
				return problem{exitTrouble, fmt.Sprintf("the store lacks the live version of %d of %d managed certificates; renew them: neverlapse renew NAME", len(missing), managed)}
			}
			return nil
		},
	}
}

func (c *cli) showMissing(missing []missingView, managed int) error {
	if !c.text() {
		return results(c, missing)
	}
	if len(missing) == 0 {
		_, err := fmt.Fprintf(c.out, "The store has the live versions of all %d managed certificates, and opens their keys.\n", managed)
		return err
	}
	t := table{head: []string{"NAME", "LIVE", "EXPIRES", "WHY"}}
	for _, m := range missing {
		t.add(m.Name, m.Fingerprint.Short(), c.when(m.NotAfter), cleanLines(m.Why))
	}
	return t.write(c.out, "", c.paint)
}
