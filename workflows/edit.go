package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// edit brings the messages of an alert up to date, each on its own.
func (c *certificate) edit(ctx workflow.Context, d lifecycle.Decision) {
	a := *d.Step.Alert
	n := c.notice(ctx, a, a.Edit, d.Step)
	workflow.GoNamed(ctx, "edit "+a.ID, func(ctx workflow.Context) {
		done := 0
		for i, r := range a.Receipts {
			workflow.GoNamed(ctx, "edit at "+r.Channel, func(ctx workflow.Context) {
				if r.Digest != "" {
					c.reportChange(ctx, a, r)
					done++
					return
				}
				to := people.Contact{ID: r.To, Name: r.To}
				m := message(n, to, activities.Way{Channel: r.Channel, Kind: r.Kind, Address: r.Address}, a.Receipts)
				m.InReplyTo = &a.Receipts[i]
				summary := fmt.Sprintf("show %s in the message to %s by %s", n.Phase, r.To, r.Channel)
				if err := workflow.ExecuteActivity(notification(ctx, summary), hands.Edit, activities.EditInput{Receipt: r, Message: m}).Get(ctx, nil); err != nil {
					_, text := activities.FailureOf(err)
					c.note(ctx, entry{Kind: "undelivered", Text: fmt.Sprintf("the message to %s by %s could not be brought up to date: %s", r.To, r.Channel, text)})
				}
				done++
			})
		}
		_ = workflow.Await(ctx, func() bool { return done == len(a.Receipts) })
		c.State.Edited(a.ID)
		c.changed()
	})
}
