package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
)

// SignalElsewhere carries an activities.AskedElsewhere to the certificate's journal.
const SignalElsewhere = "renewal-elsewhere"

// elsewhere puts on record that somebody wanted the certificate renewed where
// something else renews it, and what came of that. A run that a release without
// this message had may have passed over it.
func (c *certificate) elsewhere(ctx workflow.Context, in activities.AskedElsewhere) {
	if !patched(ctx, notesRenewalsElsewhere) || !c.count(in.ID) {
		return
	}
	e := entry{Kind: "renew-asked", Text: "a renewal is asked for at " + in.Place + ", where something else renews it", By: in.By, Via: in.Via, Note: in.Note, Details: map[string]string{"place": in.Place}}
	switch {
	case in.Forbidden:
		e.Kind, e.Text, e.Details["verb"] = "refused", in.Refused, RenewNow.Name
	case in.Refused != "":
		e.Kind, e.Text = "refused", "the renewal at "+in.Place+" was not taken: "+in.Refused
	}
	c.note(ctx, e)
}
