package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// revokeView is the JSON of revoke, one for each certificate; its names are a contract with scripts.
type revokeView struct {
	Name        string           `json:"name"`
	Fingerprint cert.Fingerprint `json:"fingerprint,omitempty"`
	Text        string           `json:"text"`
	Asked       bool             `json:"asked"`   // false: refused, or only shown
	Revoked     bool             `json:"revoked"` // known only after --wait
}

// revocation is what somebody typed.
type revocation struct {
	reason, version, note       string
	selectors                   []string
	reissue, now, force, cancel bool
	wait, yes, dry, override    bool
}

func (c *cli) revoke() *cobra.Command {
	var r revocation
	cmd := &cobra.Command{
		Use: "revoke NAME|--selector KEY=VALUE --reason REASON [--version VERSION] [--reissue]", Short: "Have the CA revoke a version, and replace it first",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: c.completeName,
		Long: `Have the CA revoke the live version of a managed certificate, the previous one, or one
that the store has, by the first digits of its fingerprint or serial. The reason
(RFC 5280) must be said: keyCompromise, affiliationChanged, superseded,
cessationOfOperation, privilegeWithdrawn or unspecified. What is revoked is never
deployed or rolled back to again.

A version that is served is not revoked unless --reissue or --force is given. With
--reissue a new version is issued, deployed and proven first, and the old one is
revoked then; with --now as well it is revoked at once, which breaks who connects
until the new one is there. keyCompromise always makes a new key, and discards what
was issued and not yet deployed.

With --selector (owner, team, environment, issuer, keyAlgorithm, ca; several must all
hold) it is done for every managed certificate that matches, after they were listed
and their number was typed, or --yes was given; --dry-run only lists them.`,
		Example: `  neverlapse revoke shop --reason keyCompromise --reissue --wait
  neverlapse revoke shop --reason superseded --version previous
  neverlapse revoke --selector ca=letsencrypt,team=web --reason keyCompromise --reissue --dry-run
  neverlapse revoke shop --cancel`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.read(args); err != nil {
				return err
			}
			if len(args) == 1 {
				return c.revokeOne(cmd.Context(), args[0], r)
			}
			return c.revokeMany(cmd.Context(), c.in, r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.reason, "reason", "", "why, by its `name` in RFC 5280")
	f.StringVar(&r.version, "version", "live", "`version`: live, previous, or the first digits of a fingerprint or serial")
	f.StringSliceVarP(&r.selectors, "selector", "l", nil, "`KEY=VALUE` that certificates must have; repeat or separate by commas")
	f.BoolVar(&r.reissue, "reissue", false, "renew, and revoke once the new version is proven")
	f.BoolVar(&r.now, "now", false, "with --reissue: revoke at once, and do not wait for the new version")
	f.BoolVar(&r.override, "override-freeze", false, "with --reissue: although a freeze of its policy holds; needs --note")
	f.BoolVar(&r.force, "force", false, "revoke it although it is served")
	f.BoolVar(&r.cancel, "cancel", false, "take back a revocation that waits")
	f.BoolVar(&r.wait, "wait", false, "wait until the CA has revoked it")
	f.BoolVar(&r.yes, "yes", false, "with --selector: do not ask")
	f.BoolVar(&r.dry, "dry-run", false, "show what would be revoked and ask for nothing")
	f.StringVar(&r.note, "note", "", "`text` for the record")
	return cmd
}

// read checks what was typed without asking anybody.
func (r *revocation) read(args []string) error {
	switch {
	case len(args) == 1 && len(r.selectors) > 0:
		return usage("give the name of one certificate or --selector, not both")
	case len(args) == 0 && len(r.selectors) == 0:
		return usage("which certificate? give its name, or --selector for several")
	case r.cancel && (r.reason != "" || r.reissue || r.now || r.force || len(args) == 0):
		return usage("--cancel takes back the revocation of one certificate and goes with no other flag but --note")
	case r.cancel:
		return nil
	case r.override && (!r.reissue || r.note == ""):
		return usage("--override-freeze goes with --reissue and --note: why? it is put on record")
	case r.now && !r.reissue:
		return usage("--now goes with --reissue; to revoke what is served without replacing it, write --force")
	case len(args) == 0 && r.version != "live" && r.version != "previous":
		return usage("--version: with --selector it is live or previous")
	}
	reason, err := cert.ParseRevocationReason(r.reason)
	if err != nil {
		return usage("--reason: %s", err)
	}
	r.reason = string(reason)
	return nil
}

func (c *cli) revokeOne(ctx context.Context, arg string, r revocation) error {
	name, err := certificateName(arg)
	if err != nil {
		return err
	}
	s, err := c.ask(ctx, name)
	if err != nil {
		return err
	}
	v := revokeView{Name: name}
	if !r.cancel {
		if v.Fingerprint, err = c.toRevoke(ctx, s, r.version); err != nil {
			return err
		}
	}
	if r.dry {
		v.Text = fmt.Sprintf("%s of %s would be revoked (%s); nothing was asked for", v.Fingerprint.Short(), name, r.reason)
		return c.revokedAll([]revokeView{v})
	}
	if v, err = c.askRevoke(ctx, v, r); err != nil {
		return err
	}
	if r.wait && !r.cancel {
		if v, err = c.awaitRevoked(ctx, v, s); err != nil {
			return err
		}
	}
	return c.revokedAll([]revokeView{v})
}

// toRevoke finds the version that is meant.
func (c *cli) toRevoke(ctx context.Context, s workflows.Status, version string) (cert.Fingerprint, error) {
	name, f := s.State.Spec.Name, cert.Fingerprint("")
	switch version {
	case "live":
		f = s.State.Live.Fingerprint
	case "previous":
		f = s.State.Previous.Fingerprint
	default:
		_, found, _, err := c.named(ctx, name, "--version", version, "live, previous")
		return found.Fingerprint, err
	}
	if f == "" {
		return "", problem{exitNotFound, fmt.Sprintf("%s has no %s version to revoke", name, version)}
	}
	return f, nil
}

func (c *cli) askRevoke(ctx context.Context, v revokeView, r revocation) (revokeView, error) {
	req, err := c.request(r.note)
	if err != nil {
		return v, err
	}
	taken, err := call(ctx, c, workflows.Revoke, v.Name, workflows.RevokeRequest{
		Request: req, Version: v.Fingerprint, Reason: cert.RevocationReason(r.reason), Reissue: r.reissue, OverrideFreeze: r.override, Now: r.now, Force: r.force, Cancel: r.cancel,
	})
	v.Text, v.Asked = taken.Text, err == nil
	return v, err
}

// awaitRevoked waits for the CA's word, and for the renewal before it.
func (c *cli) awaitRevoked(ctx context.Context, v revokeView, before workflows.Status) (revokeView, error) {
	limit := before.State.Spec.Policy.AttemptTimeout.Of(before.Plan.Lifetime) + 2*time.Minute
	after, err := c.await(ctx, v.Name, c.patience(limit), func(s lifecycle.State) bool {
		failed := s.Revoke != nil && s.Revoke.Failed != "" && !flying(s, lifecycle.FlyRevoke)
		stuck := s.Revoke != nil && !s.Revoke.Now && s.Renew == nil && !flying(s, lifecycle.FlyRenewal) && len(s.Renewal.Attempts) > 0
		return s.Revoke == nil || failed || stuck
	})
	if err != nil {
		return v, err
	}
	if r := after.State.Revoke; r != nil {
		why := r.Failed
		if why == "" {
			why = "the renewal before it failed: " + outcome(after.State.Renewal.Attempts[len(after.State.Renewal.Attempts)-1])
		}
		return v, problem{exitFailed, fmt.Sprintf("%s of %s is not revoked: %s; what follows: neverlapse status %s", v.Fingerprint.Short(), v.Name, why, v.Name)}
	}
	v.Revoked = true
	v.Text = fmt.Sprintf("%s of %s is revoked; %s is live", v.Fingerprint.Short(), v.Name, short(after.State.Live.Fingerprint))
	return v, nil
}

func (c *cli) revokedAll(all []revokeView) error {
	if !c.text() {
		return results(c, all)
	}
	for _, v := range all {
		c.say("%s", clean(v.Text, 0))
	}
	return nil
}
