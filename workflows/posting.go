package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// SignalDelivered carries a Delivered from an inbox to a certificate.
const SignalDelivered = "delivered"

// Delivered says what became of a notice in the inbox of one contact.
type Delivered struct {
	Alert    string          `json:"alert"`
	Number   int             `json:"number"` // of the notice among those of its alert
	To       string          `json:"to"`
	With     int             `json:"with,omitempty"` // how many others stood in the same message
	Receipts []alert.Receipt `json:"receipts,omitempty"`
	Failed   []string        `json:"failed,omitempty"`
}

// inboxSlack is how long after its latest moment an inbox may take until its
// ways were tried; then a certificate tells by itself.
const inboxSlack = 4 * time.Minute

// postAll puts the notice into the inboxes of those who have one, and gives what
// is left to be told at once.
func (c *certificate) postAll(ctx workflow.Context, n alert.Notice, all []activities.Delivery, a lifecycle.Alert, told *lifecycle.Told) []activities.Delivery {
	rest := slices.DeleteFunc(slices.Clone(all), func(d activities.Delivery) bool { return d.Gather != nil })
	parcels := c.parcels(ctx, n, all, a)
	done := 0
	for _, p := range parcels {
		workflow.GoNamed(ctx, "post to "+p.To.ID, func(ctx workflow.Context) {
			err := workflow.ExecuteActivity(quick(ctx, fmt.Sprintf("%s %s into the inbox of %s", n.Severity, n.Reason, p.To.Name)), hands.Post, p).Get(ctx, nil)
			if err == nil {
				told.Posted = append(told.Posted, p.To.ID)
				told.Until = p.By.Add(inboxSlack)
			} else {
				_, text := activities.FailureOf(err)
				told.Failed = append(told.Failed, cut(fmt.Sprintf("inbox of %s: %s", p.To.ID, text), keepText))
				for _, w := range p.Ways {
					rest = append(rest, activities.Delivery{To: p.To, Way: w, Others: p.Others})
				}
			}
			done++
		})
	}
	_ = workflow.Await(ctx, func() bool { return done == len(parcels) })
	return rest
}

// parcels makes one for each contact whose inbox it goes through.
func (c *certificate) parcels(ctx workflow.Context, n alert.Notice, all []activities.Delivery, a lifecycle.Alert) []activities.Parcel {
	var out []activities.Parcel
	for _, d := range all {
		if d.Gather == nil {
			continue
		}
		i := slices.IndexFunc(out, func(p activities.Parcel) bool { return p.To.ID == d.To.ID })
		if i < 0 {
			i, out = len(out), append(out, activities.Parcel{
				From: WorkflowID(c.State.Spec.Name), Number: a.Told, Notice: n, To: d.To, Others: d.Others, Receipts: a.Receipts,
				By: d.Gather.Latest(n.Severity, workflow.Now(ctx).UTC(), a.NextAt), Rules: *d.Gather,
			})
		}
		out[i].Ways = append(out[i].Ways, d.Way)
	}
	return out
}

// delivered takes in what an inbox did. While the notice is still being told to
// others, it waits.
func (c *certificate) delivered(ctx workflow.Context, in Delivered) {
	if slices.ContainsFunc(c.State.Flights, func(f lifecycle.Flight) bool { return f.Kind == lifecycle.FlyTell && f.ID == in.Alert }) {
		c.early = append(c.early, in)
		return
	}
	a := c.State.Alert(in.Alert)
	if a == nil {
		return
	}
	c.State.Delivered(workflow.Now(ctx), lifecycle.Delivered{Alert: in.Alert, Notice: in.Number, To: in.To, Receipts: in.Receipts, Failed: in.Failed})
	c.noteDelivery(ctx, *a, lifecycle.Told{Receipts: in.Receipts, Failed: in.Failed}, in.With)
	c.changed()
}

func (c *certificate) deliveredEarly(ctx workflow.Context) {
	early := c.early
	c.early = nil
	for _, in := range early {
		c.delivered(ctx, in)
	}
}

// withdraw takes notices out of inboxes that nobody needs any more. An inbox
// that told them already does nothing.
func (c *certificate) withdraw(ctx workflow.Context) {
	for _, a := range c.State.Withdraw() {
		for _, to := range a.Gathering.To {
			out := Withdrawn{From: WorkflowID(c.State.Spec.Name), Alert: a.ID, Number: a.Gathering.Notice}
			workflow.SignalExternalWorkflow(ctx, InboxID(to), "", SignalWithdrawn, out)
		}
	}
}

// reportChange tells the inbox whose message has the alert among others how it
// stands now. One that has ended has nothing left to bring up to date.
func (c *certificate) reportChange(ctx workflow.Context, a lifecycle.Alert, r alert.Receipt) {
	in := Change{Digest: r.Digest, Alert: a.ID, Phase: a.Edit}
	if a.Answer != nil {
		in.By = a.Answer.By
	}
	_ = workflow.SignalExternalWorkflow(ctx, InboxID(r.To), "", SignalChanged, in).Get(ctx, nil)
}
