package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func (r RevokeRequest) revoking(at time.Time) lifecycle.Revoking {
	o := r.order(at)
	o.Fingerprint, o.Override = r.Version, r.OverrideFreeze
	return lifecycle.Revoking{Order: o, Reason: r.Reason, Reissue: r.Reissue, Now: r.Now, Force: r.Force, Cancel: r.Cancel}
}

func (c *certificate) revoke(ctx workflow.Context, in RevokeRequest) Taken {
	name := c.State.Spec.Name
	if !c.count(in.ID) {
		return Taken{"this request was counted before; see: neverlapse status " + name}
	}
	waiting := c.State.Revoke
	c.State.AskRevoke(in.revoking(workflow.Now(ctx)))
	if in.Cancel {
		c.note(ctx, entry{Kind: "revoke-cancelled", Text: "the revocation of " + waiting.Fingerprint.Short() + " was cancelled", By: in.By, Via: in.Via, Note: in.Note})
		return Taken{waiting.Fingerprint.Short() + " of " + name + " is not revoked"}
	}
	r := c.State.Revoke
	c.override(ctx, r.Order)
	what := fmt.Sprintf("%s of %s is revoked now (%s)", r.Fingerprint.Short(), name, r.Reason)
	switch {
	case in.Reissue && !r.Now:
		what = fmt.Sprintf("%s of %s is replaced now, and revoked (%s) once the new version is proven wherever it was", r.Fingerprint.Short(), name, r.Reason)
	case in.Reissue:
		what += ", and a new version is issued at the same time"
	}
	c.note(ctx, entry{Kind: "revoke-asked", Text: "revoking was asked for: " + what, By: in.By, Via: in.Via, Note: in.Note,
		Details: map[string]string{"version": string(r.Fingerprint), "reason": string(r.Reason)}})
	return Taken{what}
}

// endVersion has the CA revoke a version.
func (c *certificate) endVersion(ctx workflow.Context, r lifecycle.Revocation) {
	in := activities.RevokeInput{Name: c.State.Spec.Name, Fingerprint: r.Fingerprint, Reason: r.Reason, By: r.By}
	workflow.GoNamed(ctx, "revoke", func(ctx workflow.Context) {
		err := workflow.ExecuteActivity(issuance(ctx, fmt.Sprintf("revoke %s: %s", r.Fingerprint.Short(), r.Reason), revocationLimit), hands.Revoke, in).Get(ctx, nil)
		f, text := activities.Failure{}, ""
		if err != nil {
			f, text = activities.FailureOf(err)
		}
		final := f.Kind == activities.Configuration || f.Kind == activities.Validation || f.Kind == activities.Invalid || f.Kind == activities.NotFound
		c.State.RevokeEnded(workflow.Now(ctx), text, final && !f.Own, f.RetryAt)
		e := entry{Kind: "revoked", Text: fmt.Sprintf("%s is revoked (%s)", r.Fingerprint.Short(), r.Reason), By: r.By, Via: r.Via, Note: r.Note}
		if err != nil {
			e.Kind, e.Text = "revoke-failed", fmt.Sprintf("%s could not be revoked: %s", r.Fingerprint.Short(), text)
		}
		e.Details = map[string]string{"version": string(r.Fingerprint), "reason": string(r.Reason)}
		c.note(ctx, e)
		c.changed()
	})
}
