package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// keepAnswers bounds how many request IDs are remembered.
const keepAnswers = 100

// may tells why a request cannot be taken; nil if it can. One that was counted
// before is answered again, and does nothing.
func (c *certificate) may(r Request, check func() error) error {
	switch {
	case c.counted(r.ID):
		return nil
	case r.By == "":
		return lifecycle.Refusal{Text: "a request needs a name: say in \"by\" who asks"}
	case c.State.Retire != nil:
		return lifecycle.Refusal{Text: c.State.Spec.Name + " is being retired; to guard it again, enroll it when that has ended"}
	}
	if r.Of != nil {
		if err := c.State.Passed(*r.Of); err != nil {
			return err
		}
	}
	return check()
}

// counted reports whether a request was taken before, and by whatever way.
func (c *certificate) counted(id string) bool { return id != "" && slices.Contains(c.Answers, id) }

// count remembers a request; false if it was taken before.
func (c *certificate) count(id string) bool {
	if c.counted(id) {
		return false
	}
	if id != "" {
		c.Answers = append(c.Answers, id)
		c.Answers = c.Answers[max(0, len(c.Answers)-keepAnswers):]
	}
	c.changed()
	return true
}

func (c *certificate) acknowledge(ctx workflow.Context, in AcknowledgeRequest) AnswerResult {
	if !c.count(in.ID) {
		return AnswerResult{Text: "this answer was counted before"}
	}
	done := c.State.Acknowledge(workflow.Now(ctx), lifecycle.Answered{Alert: in.Alert, By: in.By, Via: in.Via, Note: in.Note, For: in.For})
	return c.answered(ctx, "acknowledged", in.Request, done)
}

// acknowledgeSignal has no validator: a bare signal is taken as it is, and
// attributed to nobody who was verified.
func (c *certificate) acknowledgeSignal(ctx workflow.Context, in AcknowledgeRequest) {
	if in.By == "" {
		in.By = "unverified"
	}
	if in.Via == "" {
		in.Via = "signal"
	}
	if err := c.State.CheckAcknowledge(lifecycle.Answered{Alert: in.Alert, By: in.By}); err != nil && !c.counted(in.ID) {
		c.note(ctx, entry{Kind: "refused", Text: "an acknowledgement came too late: " + err.Error(), By: in.By, Via: in.Via})
		return
	}
	c.acknowledge(ctx, in)
}

func (c *certificate) snooze(ctx workflow.Context, in SnoozeRequest) AnswerResult {
	if !c.count(in.ID) {
		return AnswerResult{Text: "this answer was counted before"}
	}
	done := c.State.Snooze(workflow.Now(ctx), lifecycle.Answered{Alert: in.Alert, By: in.By, Via: in.Via, Note: in.Note, Until: in.Until})
	return c.answered(ctx, "snoozed", in.Request, done)
}

// since is when people were first told what they answer now; of an alert that came
// back, since it was told anew.
func since(a lifecycle.Alert) time.Time {
	if a.Round > 1 && !a.LapAt.IsZero() {
		return a.LapAt
	}
	return a.FiredAt
}

func (c *certificate) answered(ctx workflow.Context, kind string, r Request, done []lifecycle.Alert) AnswerResult {
	out := AnswerResult{}
	for _, a := range done {
		out.Alerts = append(out.Alerts, a.ID)
		out.Until = a.Answer.Until
		c.note(ctx, entry{Kind: kind, Text: fmt.Sprintf("%s is %s until %s", a.Reason, kind, clock(a.Answer.Until)), By: r.By, Via: r.Via, Note: r.Note,
			Details: map[string]string{"alert": a.ID, "reason": string(a.Reason), "severity": string(a.Severity), "since": since(a).UTC().Format(time.RFC3339Nano)}})
	}
	out.Text = fmt.Sprintf("%s until %s", kind, clock(out.Until))
	return out
}
