package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

func (in TakeOverRequest) answered() lifecycle.Answered {
	return lifecycle.Answered{Alert: in.Alert, Seen: in.Seen, By: in.By, Via: in.Via, Note: in.Note, For: in.For}
}

func (in ReassignRequest) answered() lifecycle.Answered {
	return lifecycle.Answered{Alert: in.Alert, Seen: in.Seen, By: in.By, Via: in.Via, Note: in.Note}
}

func (in ReassignRequest) to() lifecycle.Ownership {
	return lifecycle.Ownership{Owner: in.Owner, Team: in.Team, TeamAlone: in.TeamAlone}
}

func (c *certificate) takeOver(ctx workflow.Context, in TakeOverRequest) AnswerResult {
	if !c.count(in.ID) {
		return AnswerResult{Text: "this answer was counted before"}
	}
	before := c.State.Spec.Ownership()
	done := c.State.TakeOver(workflow.Now(ctx), in.answered())
	if now := c.State.Spec.Ownership(); now != before {
		c.noteHanded(ctx, in.Request, before, "taken over by "+in.By)
	}
	if len(done) == 0 {
		return AnswerResult{Text: c.State.Spec.Name + " is " + in.By + "'s from now on; no alert fires"}
	}
	out := c.answered(ctx, "acknowledged", in.Request, done)
	out.Text = fmt.Sprintf("%s is %s's from now on; %s", c.State.Spec.Name, in.By, out.Text)
	return out
}

func (c *certificate) reassign(ctx workflow.Context, in ReassignRequest) Taken {
	if !c.count(in.ID) {
		return Taken{"this answer was counted before"}
	}
	before := c.State.Spec.Ownership()
	told := c.State.Reassign(workflow.Now(ctx), in.to(), in.answered())
	now := c.State.Spec.Ownership()
	c.noteHanded(ctx, in.Request, before, "given to "+now.String())
	text := fmt.Sprintf("%s is %s's from now on", c.State.Spec.Name, now)
	if n := len(told); n > 0 {
		text += fmt.Sprintf("; they are told of what is open (alerts: %d)", n)
	}
	return Taken{text}
}

func (c *certificate) noteHanded(ctx workflow.Context, r Request, before lifecycle.Ownership, text string) {
	now := c.State.Spec.Ownership()
	c.note(ctx, entry{Kind: "reassigned", Text: text + "; it was " + before.String() + "'s", By: r.By, Via: r.Via, Note: r.Note,
		Details: map[string]string{"owner": now.Owner, "team": now.Team, "fromOwner": before.Owner, "fromTeam": before.Team}})
}

// SignalRestored carries a Request: somebody brought the certificate's workflow
// back after it was ended from outside.
const SignalRestored = "restored"

// restored puts on record who did it.
func (c *certificate) restored(ctx workflow.Context, r Request) {
	c.note(ctx, entry{Kind: "restored", Text: "the workflow was ended from outside and goes on where it was", By: r.By, Via: r.Via, Note: r.Note})
	c.changed()
}

// SignalForbidden carries a Forbidden to the certificate's journal.
const SignalForbidden = "forbidden"

// Forbidden tells that somebody asked for what they may not do.
type Forbidden struct {
	By   string `json:"by"`
	Via  string `json:"via,omitempty"`
	Verb string `json:"verb"`
	Text string `json:"text"`
}

// forbidden puts on record what was refused before it came here.
func (c *certificate) forbidden(ctx workflow.Context, in Forbidden) {
	c.note(ctx, entry{Kind: "refused", Text: in.Text, By: in.By, Via: in.Via, Details: map[string]string{"verb": in.Verb}})
	c.changed()
}
