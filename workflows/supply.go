package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// SupplyOf is what the hands must know of a certificate to make a request for
// it, or to take the version that somebody brings.
func SupplyOf(s lifecycle.State) activities.SupplyInput {
	spec := s.Spec
	return activities.SupplyInput{IssueInput: activities.IssueInput{
		Name: spec.Name, Names: spec.Names, Replaces: s.Live.Fingerprint, CA: spec.CA, KeyType: spec.KeyType,
		ReuseKey: spec.ReuseKey && !s.Renewal.NewKey, Profile: spec.Profile, Supplied: true, CSR: spec.CSR,
	}}
}

func (c *certificate) supply(ctx workflow.Context, in SupplyRequest) Taken {
	name, v := c.State.Spec.Name, in.Version
	if c.count(in.ID) {
		c.State.Supply(in.order(workflow.Now(ctx)), v)
		c.note(ctx, entry{Kind: "supplied", Text: fmt.Sprintf("%s by %s, valid until %s, was supplied", v.Fingerprint.Short(), v.Issuer, clock(v.NotAfter)),
			By: in.By, Via: in.Via, Note: in.Note, Details: map[string]string{"version": string(v.Fingerprint)}})
	}
	return Taken{fmt.Sprintf("%s, valid until %s, is deployed to %s now", v.Fingerprint.Short(), clock(v.NotAfter), name)}
}
