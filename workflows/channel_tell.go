package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// about gathers what a message about a channel tells.
func (c *channel) about(now time.Time, e Event) alert.Notice {
	n := alert.Notice{
		Key: fmt.Sprintf("channel/%s/%s/%d", c.Name, e.Reason, c.Told), AlertID: ChannelAlert(c.Name) + string(e.Reason), Phase: alert.Firing,
		Severity: e.Severity, Reason: e.Reason, Reach: alert.Direct, Certificate: c.Name, At: now.UTC(), Cause: e.Cause, Subject: e.Subject, Owner: e.Owner,
		Next: alert.NextStep{Kind: "none"}, Evidence: e.Evidence,
	}
	switch e.Reason {
	case alert.ChannelFailing:
		n.Next = alert.NextStep{Kind: "retry", At: c.Trouble.TryAt}
		n.Commands = []string{"neverlapse channels", "neverlapse undelivered", "neverlapse alert test --channel " + c.Name}
	case alert.AddressBroken:
		n.AlertID += "/" + e.Subject
		n.Commands = []string{"neverlapse undelivered", "neverlapse address ok " + e.Subject}
	default:
		n.Commands = []string{"neverlapse channels", "neverlapse channels confirm " + c.Name}
	}
	if e.Evidence != "" {
		n.Phase, n.Next = alert.Resolved, alert.NextStep{Kind: "none"}
	}
	return n
}

// ownersTeam is told of a broken address beside the catch-all.
func ownersTeam(e Event) []people.Question {
	if e.Owner == "" {
		return nil
	}
	return []people.Question{
		{Roles: []people.Role{people.TeamAll}, Owner: e.Owner}, // where it is a person's
		{Roles: []people.Role{people.TeamAll}, Team: e.Owner},  // where it is a team's
	}
}

// try sends the news that the channel works again by the channel itself: if it is
// accepted, it is true.
func (c *channel) try(ctx workflow.Context) {
	if c.trying || !c.Trouble.TryDue(workflow.Now(ctx)) {
		return
	}
	c.trying = true
	now := workflow.Now(ctx)
	n := c.about(now, Event{Reason: alert.ChannelFailing, Severity: alert.P4, Evidence: "this message was accepted"})
	n.Key = fmt.Sprintf("channel/%s/try/%d/%d", c.Name, c.Trouble.Since.Unix(), now.Unix())
	workflow.GoNamed(ctx, "try the channel", func(ctx workflow.Context) {
		for _, m := range c.own(ctx, n, people.Question{At: now}) {
			if workflow.ExecuteActivity(oneTry(ctx, "does "+c.Name+" work again?"), hands.Deliver, m).Get(ctx, nil) == nil {
				c.worked(workflow.Now(ctx))
				break
			}
		}
		c.trying = false
		c.changes++
	})
}

// askForLife sends the message that needs one click when it is time to, and
// doubts the channel when nobody answered the last.
func (c *channel) askForLife(ctx workflow.Context) {
	now := workflow.Now(ctx)
	if c.Life.Overdue(now) {
		cause := "nobody answered the message of " + clock(c.Life.AskedAt)
		c.raise(Event{Reason: alert.ChannelDoubtful, Severity: alert.P3, Since: now, Cause: cause}, now)
	}
	if c.asking || !c.Life.AskDue(now, c.Plan.Proof) {
		return
	}
	c.asking, c.Asked = true, nil
	n := c.about(now, Event{Reason: alert.ProofOfLife, Severity: alert.P4})
	n.Key = fmt.Sprintf("channel/%s/%s/%d", c.Name, alert.ProofOfLife, c.Life.Asked)
	n.Actions = []alert.Action{alert.ActAcknowledge}
	if c.ChannelLink != nil {
		n.Link = c.ChannelLink(c.Name)
	}
	workflow.GoNamed(ctx, "ask for a proof of life", func(ctx workflow.Context) {
		why := "nobody who is to answer is reached by it"
		for _, m := range c.own(ctx, n, readerOf(c.Plan.Proof.To, now)) {
			var r alert.Receipt
			err := workflow.ExecuteActivity(notification(ctx, "proof of life of "+c.Name+": to "+m.To.ID), hands.Deliver, m).Get(ctx, &r)
			if err == nil {
				c.Asked = append(c.Asked, r)
				break // one click of one person is enough
			}
			lost := letters{notice: n}
			why = lost.add(ctx, m, err)
			lost.keep(ctx, nil)
		}
		if len(c.Asked) == 0 {
			c.Life.Unasked(cut(why, keepText))
		}
		c.asking = false
		c.changes++
	})
}

// readerOf asks for a person or a team; for nobody, which is the catch-all, where
// none is named.
func readerOf(to string, at time.Time) people.Question {
	if to == "" {
		return people.Question{Roles: []people.Role{people.OnCall}, At: at} // of the catch-all, where no team is named
	}
	return people.Question{Roles: []people.Role{people.Owner, people.TeamAll}, Owner: to, Team: to, At: at}
}

// own makes the messages by which this channel reaches those who are asked for,
// or else the catch-all.
func (c *channel) own(ctx workflow.Context, n alert.Notice, q people.Question) []alert.Message {
	asked := []activities.AddressInput{{Question: q, Reach: alert.PageAll}, {Question: people.Question{At: q.At}, Reach: alert.PageAll, Last: true}}
	var out []alert.Message
	for _, in := range asked {
		var all []activities.Delivery
		_ = workflow.ExecuteActivity(quick(ctx, "whom does "+c.Name+" reach now?"), hands.Address, in).Get(ctx, &all)
		for _, d := range all {
			way := d.Way
			if i := slices.IndexFunc(d.Others, func(w activities.Way) bool { return w.Channel == c.Name }); i >= 0 {
				way = d.Others[i]
			}
			key := n.Key + "/" + d.To.ID + "/" + c.Name
			if way.Channel != c.Name || slices.ContainsFunc(out, func(m alert.Message) bool { return m.DedupKey == key }) {
				continue
			}
			out = append(out, alert.Message{Notice: n, To: d.To, Channel: c.Name, Kind: way.Kind, Address: way.Address, DedupKey: key})
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// confirmed takes in that somebody read a message of the channel.
func (c *channel) confirmed(ctx workflow.Context, r Request) Taken {
	now := workflow.Now(ctx)
	doubted := c.Life.Doubtful
	c.Life.Answered(now, r.By, r.Via)
	c.settle(alert.ChannelDoubtful, fmt.Sprintf("%s read a message of it at %s", r.By, clock(now)))
	if len(c.Asked) > 0 {
		c.raise(Event{Reason: alert.ProofOfLife, Severity: alert.P4, Since: now, Receipts: c.Asked, Evidence: "answered by " + r.By}, now)
		c.Asked = nil
	}
	c.changes++
	if doubted {
		return Taken{Text: c.Name + " was doubtful and is not any more"}
	}
	return Taken{Text: c.Name + " is proven to be read"}
}
