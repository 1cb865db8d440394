package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
)

// claim makes the places of a new spec those that the certificate holds. Those
// of the old one were held until it was taken.
func (c *certificate) claim(ctx workflow.Context) {
	if !c.Unclaimed || c.claiming || workflow.Now(ctx).Before(c.claimAt) {
		return
	}
	c.claiming = true
	in := activities.ClaimInput{Name: c.State.Spec.Name, Targets: c.State.Spec.Targets}
	workflow.GoNamed(ctx, "claims", func(ctx workflow.Context) {
		err := workflow.ExecuteActivity(recording(ctx, "hold the places of the new spec and no others"), hands.Claim, in).Get(ctx, nil)
		c.claiming = false
		c.claimed(ctx, in, err)
		c.changed()
	})
}

func (c *certificate) claimed(ctx workflow.Context, in activities.ClaimInput, err error) {
	f, text := activities.Failure{}, ""
	if err != nil {
		f, text = activities.FailureOf(err)
	}
	switch {
	case err != nil && f.Kind != activities.Conflict && f.Kind != activities.Configuration:
		c.claimAt = workflow.Now(ctx).Add(journalPause)
	case slices.Equal(in.Targets, c.State.Spec.Targets):
		c.Unclaimed = false
		if err != nil {
			c.note(ctx, entry{Kind: "refused", Text: "the places of the new spec are not held: " + text})
		}
	}
}
