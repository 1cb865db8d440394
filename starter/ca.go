package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// authorityPatience is how long CAs may take to answer.
const authorityPatience = time.Minute

func (c *cli) ca() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ca VERB", Short: "List the CAs of the worker, try them, see what they allow",
		Long: "See the CAs of the worker's configuration. docs/cas.md says how they are configured, docs/rate-limits.md what they allow.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return usage("ca takes list, check or budget, got %q; see: %s --help", strings.Join(args, " "), cmd.CommandPath())
		},
	}
	c.add(cmd, "", c.caList())
	c.add(cmd, "", c.caCheck())
	c.add(cmd, "", c.caBudget())
	return cmd
}

func (c *cli) caList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the CAs that certificates can name", Args: cobra.NoArgs,
		Long: `List the CAs of the worker's configuration: where they are, how names are proven
where a certificate chooses nothing else, and the kinds of keys they may be asked
for. Nobody but the worker is asked.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := c.authorities(cmd.Context(), cert.AuthorityQuery{})
			switch {
			case err != nil:
				return err
			case !c.text():
				return results(c, all)
			case len(all) == 0:
				c.say("no CA is configured; add one below cas in the worker's configuration")
				return nil
			}
			t := table{head: []string{"NAME", "CHALLENGE", "KEYS", "EMAIL", "DIRECTORY"}}
			for _, a := range all {
				t.add(clean(a.Name, 0), clean(way(a), 0), clean(keyKinds(a), 0), clean(a.Email, 0), clean(a.Directory, 0))
			}
			return t.write(c.out, "", c.paint)
		},
	}
}

func (c *cli) caCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check [NAME...]", Short: "Try CAs: can each be reached, and does the account work?", Args: cobra.ArbitraryArgs,
		Long: `Let a worker ask the CAs of its configuration, or those named: read each one's
directory, and find our account there or make it. No certificate is ordered. Shown
is what each says of itself: terms of service, profiles, names for CAA records,
whether accounts must be bound (EAB) and whether it suggests renewal times (ARI).

It waits 1m at most unless --timeout says otherwise. It exits with 1 if one of them
cannot be used.`,
		Example: "  neverlapse ca check\n  neverlapse ca check letsencrypt -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := c.authorities(cmd.Context(), cert.AuthorityQuery{Names: args, Check: true})
			if err != nil {
				return err
			}
			if !c.text() {
				err = results(c, all)
			} else {
				for _, a := range all {
					c.printAuthority(a)
				}
			}
			if bad := slices.DeleteFunc(slices.Clone(all), func(a cert.Authority) bool { return a.Err == "" }); err == nil && len(bad) > 0 {
				return problem{exitFailed, fmt.Sprintf("%d of %d CAs cannot be used", len(bad), len(all))}
			}
			if err == nil && len(all) == 0 {
				return problem{exitNotFound, "no CA is configured; add one below cas in the worker's configuration"}
			}
			return err
		},
	}
}

func (c *cli) authorities(ctx context.Context, r cert.AuthorityQuery) ([]cert.Authority, error) {
	all, err := work[[]cert.Authority](ctx, c, "Authorities", "CAs", c.patience(authorityPatience), r)
	if app, refused := errors.AsType[*temporal.ApplicationError](err); refused && app.Type() == "not-found" {
		return nil, problem{exitNotFound, app.Message()}
	}
	return all, err
}

func (c *cli) printAuthority(a cert.Authority) {
	name := c.paint(bold, clean(a.Name, 0))
	switch {
	case a.Directory == "":
		c.say("%s has no server to ask: what it issues is ordered by hand", name)
		return
	case a.Err == "":
		c.say("%s can be reached and the account works", name)
	case a.Reached:
		c.say("%s can be reached and cannot be used", name)
	default:
		c.say("%s cannot be used", name)
	}
	c.fact("error", "%s", a.Err)
	c.fact("directory", "%s", a.Directory)
	made := ""
	if a.Made {
		made = " (made just now)"
	}
	if a.Account != "" {
		c.fact("account", "%s%s", a.Account, made)
	}
	c.fact("contact", "%s", a.Email)
	c.fact("challenge", "%s", way(a))
	c.fact("keys", "%s", keyKinds(a))
	if !a.Reached {
		return
	}
	c.fact("terms", "%s", a.Terms)
	c.fact("profiles", "%s", strings.Join(slices.Sorted(maps.Keys(a.Profiles)), ", "))
	if a.Profile != "" {
		c.fact("profile", "%s, unless a certificate names one", a.Profile)
	}
	c.fact("CAA names", "%s", strings.Join(a.CAAIdentities, ", "))
	c.fact("EAB", "%s", map[bool]string{true: "required", false: "not required"}[a.EABRequired])
	if a.RenewalInfo == "" {
		a.RenewalInfo = "not offered"
	}
	c.fact("ARI", "%s", a.RenewalInfo)
}

// way is how names are proven where a certificate chooses nothing else.
func way(a cert.Authority) string {
	if a.DNS != "" {
		return a.Challenge + " by " + a.DNS
	}
	return a.Challenge
}

func keyKinds(a cert.Authority) string {
	var kinds []string
	for _, k := range a.KeyTypes {
		kinds = append(kinds, string(k))
	}
	return strings.Join(kinds, ", ")
}
