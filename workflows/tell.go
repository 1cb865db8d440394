package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// tell finds out who fills the roles now and delivers to each in parallel; a
// way that fails is followed by the next kind of channel.
func (c *certificate) tell(ctx workflow.Context, d lifecycle.Decision) {
	a, step := *d.Step.Alert, d.Step
	notice := c.notice(ctx, a, alert.Firing, step)
	question := activities.AddressInput{
		Question: people.Question{Roles: step.Roles, Owner: c.State.Spec.Owner, Team: c.State.Spec.Team, At: workflow.Now(ctx)},
		About:    traits(notice), Reach: step.Reach, Used: a.Used, Last: step.Last, Severity: a.Severity,
		MayWait: step.MayWait, Again: len(step.Again) > 0, To: step.Again,
	}
	if step.Alone {
		question.Severity = ""
	}
	c.note(ctx, entry{Kind: "told", Text: fmt.Sprintf("%s %s: telling %s (%s)", a.Severity, a.Reason, roles(step.Roles), d.Reason), Details: map[string]string{"alert": a.ID, "cause": cut(a.Cause, keepText), "reason": string(a.Reason), "severity": string(a.Severity), "to": roles(step.Roles), "why": string(d.Reason)}})
	workflow.GoNamed(ctx, "tell "+a.ID, func(ctx workflow.Context) {
		told := c.deliverAll(ctx, notice, question, a)
		c.State.Told(workflow.Now(ctx), told)
		if len(told.Receipts)+len(told.Failed) > 0 || len(told.Posted) == 0 {
			c.noteDelivery(ctx, a, told, 0)
		}
		c.deliveredEarly(ctx)
		c.changed()
	})
}

func (c *certificate) deliverAll(ctx workflow.Context, n alert.Notice, q activities.AddressInput, a lifecycle.Alert) lifecycle.Told {
	told := lifecycle.Told{Alert: a.ID, Reach: q.Reach}
	var all []activities.Delivery
	if err := own(ctx, patched(ctx, addressesInTask), "who is "+roles(q.Roles)+" now", hands.Address, q, &all); err != nil {
		_, text := activities.FailureOf(err)
		told.Failed = append(told.Failed, "nobody could be looked up: "+text)
		c.lost([]delivery.Undelivered{nobodyTold(ctx, n, "nobody could be looked up: "+text)})
		return told
	}
	if told.Nobody = len(all) == 0; told.Nobody && q.Last {
		c.lost([]delivery.Undelivered{nobodyTold(ctx, n, "no channel leads to "+roles(q.Roles)+" or to the catch-all team")})
	}
	for _, d := range all {
		if !d.Hushed.IsZero() {
			told.Hushed = append(told.Hushed, lifecycle.Hushed{To: d.To.ID, Role: d.To.Role, Until: d.Hushed})
		}
	}
	all = slices.DeleteFunc(all, func(d activities.Delivery) bool { return d.Way == activities.Way{} }) // these wait
	all = c.postAll(ctx, n, all, a, &told)
	spare := map[string][]activities.Way{}
	for _, d := range all {
		spare[d.To.ID] = d.Others
		if d.Aside != "" && !slices.Contains(told.Aside, d.Aside) {
			told.Aside = append(told.Aside, d.Aside)
		}
	}
	done, lost := 0, letters{notice: n}
	for _, d := range all {
		workflow.GoNamed(ctx, "deliver to "+d.To.ID, func(ctx workflow.Context) {
			receipt, failed := c.deliver(ctx, n, d, spare, &lost)
			if receipt != nil {
				receipt.Copy = d.Copy
				told.Receipts = append(told.Receipts, *receipt)
			}
			told.Failed = append(told.Failed, failed...)
			done++
		})
	}
	_ = workflow.Await(ctx, func() bool { return done == len(all) })
	c.lost(lost.all(told.Receipts))
	return told
}

// deliver tries the way of a delivery and then what its contact has to spare,
// until one accepts. Once somebody answered, nothing more is sent.
func (c *certificate) deliver(ctx workflow.Context, n alert.Notice, d activities.Delivery, spare map[string][]activities.Way, lost *letters) (*alert.Receipt, []string) {
	var failed []string
	for way := d.Way; ; {
		a := c.State.Alert(n.AlertID)
		if a == nil || a.Answer != nil {
			return nil, append(failed, fmt.Sprintf("%s to %s: not sent, somebody answered meanwhile", way.Channel, d.To.ID))
		}
		var r alert.Receipt
		summary := fmt.Sprintf("%s %s to %s (%s) by %s", n.Severity, n.Reason, d.To.Name, d.To.Role, way.Channel)
		m := message(n, d.To, way, a.Receipts)
		err := workflow.ExecuteActivity(notification(ctx, summary), hands.Deliver, m).Get(ctx, &r)
		if err == nil {
			return &r, failed
		}
		text := lost.add(ctx, m, err)
		failed = append(failed, cut(fmt.Sprintf("%s to %s: %s", way.Channel, d.To.ID, text), keepText))
		rest := spare[d.To.ID]
		if len(rest) == 0 {
			return nil, failed
		}
		way, spare[d.To.ID] = rest[0], rest[1:]
	}
}

// traits are what routes look at.
func traits(n alert.Notice) alert.Traits {
	return alert.Traits{Severity: n.Severity, Environment: n.Environment, Certificate: n.Certificate, Names: n.Names}
}

// message is a notice by one way, in reply to what was sent there about the alert alone.
func message(n alert.Notice, to people.Contact, way activities.Way, sent []alert.Receipt) alert.Message {
	m := alert.Message{Notice: n, To: to, Channel: way.Channel, Kind: way.Kind, Address: way.Address, DedupKey: n.Key + "/" + to.ID + "/" + way.Channel}
	i := slices.IndexFunc(sent, func(r alert.Receipt) bool {
		return r.Channel == way.Channel && r.Address == way.Address && r.Digest == ""
	})
	if i >= 0 {
		m.InReplyTo = &sent[i]
	}
	return m
}

func (c *certificate) noteDelivery(ctx workflow.Context, a lifecycle.Alert, t lifecycle.Told, with int) {
	var to []string
	for _, r := range t.Receipts {
		if r.Copy {
			to = append(to, "a copy by "+r.Channel)
		} else {
			to = append(to, r.To+" by "+r.Channel)
		}
	}
	text := fmt.Sprintf("%s reached %s", a.Reason, strings.Join(to, ", "))
	if len(to) == 0 && len(t.Hushed) == 0 {
		text = fmt.Sprintf("%s reached nobody", a.Reason)
	}
	if with > 0 {
		text += fmt.Sprintf(", in one message with %d others", with)
	}
	if len(t.Aside) > 0 {
		text += "; beside its route: " + strings.Join(t.Aside, "; ")
	}
	if len(to) == 0 && len(t.Hushed) > 0 {
		text = fmt.Sprintf("%s waits", a.Reason)
	}
	for _, h := range t.Hushed {
		text += fmt.Sprintf("; %s is in quiet hours and is told again at %s", h.To, h.Until.UTC().Format(time.RFC3339))
	}
	if len(t.Failed) > 0 {
		text += "; failed: " + strings.Join(t.Failed, "; ")
	}
	c.note(ctx, entry{Kind: "delivered", Text: text, Details: map[string]string{"alert": a.ID}})
}

func roles(rs []people.Role) string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = string(r)
	}
	return strings.Join(out, " and ")
}
