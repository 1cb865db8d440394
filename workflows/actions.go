package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// hands names the activities; only their names are used here.
var hands *activities.Activities

// keepUnread bounds the journal entries kept while the store is out of reach.
const keepUnread = 500

// entry is a journal entry before it has a number and a time.
type entry cert.Entry

// note puts an entry on the way to the journal.
func (c *certificate) note(ctx workflow.Context, e entry) {
	c.Sequence++
	e.Sequence, e.At = c.Sequence, workflow.Now(ctx).UTC()
	c.Unread = append(c.Unread, cert.Entry(e))
	if len(c.Unread) > keepUnread {
		c.Unread = c.Unread[1:]
	}
}

func (c *certificate) unwritten() activities.RecordInput {
	return activities.RecordInput{Name: c.State.Spec.Name, Entries: slices.Clone(c.Unread)}
}

// record writes what is unread; at most one write at a time.
func (c *certificate) record(ctx workflow.Context) {
	if c.recording || len(c.Unread) == 0 {
		return
	}
	c.recording = true
	in := c.unwritten()
	workflow.GoNamed(ctx, "journal", func(ctx workflow.Context) {
		err := workflow.ExecuteActivity(recording(ctx, "write the journal: "+in.Entries[len(in.Entries)-1].Text), hands.Record, in).Get(ctx, nil)
		if err == nil {
			last := in.Entries[len(in.Entries)-1].Sequence
			c.Unread = slices.DeleteFunc(c.Unread, func(e cert.Entry) bool { return e.Sequence <= last })
		}
		c.recording = false
		c.changed()
	})
}

// look observes the world.
func (c *certificate) look(ctx workflow.Context, d lifecycle.Decision) {
	s := c.State.Spec
	in := activities.ObserveInput{Endpoints: s.Endpoints, Targets: s.Targets, Names: s.Names}
	workflow.GoNamed(ctx, "look", func(ctx workflow.Context) {
		var seen []cert.Observation
		err := workflow.ExecuteActivity(quick(ctx, fmt.Sprintf("look at every place (%s)", d.Reason)), hands.Observe, in).Get(ctx, &seen)
		if err != nil {
			_, text := activities.FailureOf(err)
			for _, e := range s.Endpoints {
				seen = append(seen, cert.Observation{Endpoint: e, At: workflow.Now(ctx), Err: "nobody looked: " + text})
			}
		}
		c.see(ctx, seen)
		c.changed()
	})
}

// see takes observations in, and tells the journal what changed by them.
func (c *certificate) see(ctx workflow.Context, seen []cert.Observation) {
	before := c.State.Live.Fingerprint
	c.State.Observed(workflow.Now(ctx), seen)
	if live := c.State.Live; live.Fingerprint != before {
		text := fmt.Sprintf("%s is served, by %s, valid until %s", live.Fingerprint.Short(), live.Issuer, clock(live.NotAfter))
		if before != "" {
			text = "replaced by hand: " + text
		}
		c.note(ctx, entry{Kind: "seen", Text: text, Details: map[string]string{"fingerprint": string(live.Fingerprint)}})
	}
}

// tell finds out who fills the roles now and delivers to each in parallel; a
// way that fails is followed by the next kind of channel.
func (c *certificate) tell(ctx workflow.Context, d lifecycle.Decision) {
	a, step := *d.Step.Alert, d.Step
	notice := c.notice(ctx, a, alert.Firing, step)
	question := activities.AddressInput{
		Question: people.Question{Roles: step.Roles, Owner: c.State.Spec.Owner, Team: c.State.Spec.Team, At: workflow.Now(ctx)},
		Reach:    step.Reach, Used: a.Used, Last: step.Last,
	}
	c.note(ctx, entry{Kind: "told", Text: fmt.Sprintf("%s %s: telling %s (%s)", a.Severity, a.Reason, roles(step.Roles), d.Reason), Details: map[string]string{"alert": a.ID, "cause": a.Cause}})
	workflow.GoNamed(ctx, "tell "+a.ID, func(ctx workflow.Context) {
		told := c.deliverAll(ctx, notice, question, a)
		c.State.Told(workflow.Now(ctx), told)
		c.noteDelivery(ctx, a, told)
		c.changed()
	})
}

func (c *certificate) deliverAll(ctx workflow.Context, n alert.Notice, q activities.AddressInput, a lifecycle.Alert) lifecycle.Told {
	told := lifecycle.Told{Alert: a.ID}
	var all []activities.Delivery
	if err := workflow.ExecuteActivity(quick(ctx, "who is "+roles(q.Roles)+" now"), hands.Address, q).Get(ctx, &all); err != nil {
		_, text := activities.FailureOf(err)
		told.Failed = append(told.Failed, "nobody could be looked up: "+text)
		return told
	}
	told.Nobody = len(all) == 0
	done := 0
	for _, d := range all {
		workflow.GoNamed(ctx, "deliver to "+d.To.ID, func(ctx workflow.Context) {
			receipt, failed := c.deliver(ctx, n, d, a)
			if receipt != nil {
				told.Receipts = append(told.Receipts, *receipt)
			}
			told.Failed = append(told.Failed, failed...)
			done++
		})
	}
	_ = workflow.Await(ctx, func() bool { return done == len(all) })
	return told
}

// deliver tries one contact's ways in order until one accepts.
func (c *certificate) deliver(ctx workflow.Context, n alert.Notice, d activities.Delivery, a lifecycle.Alert) (*alert.Receipt, []string) {
	var failed []string
	for _, way := range append([]activities.Way{d.Way}, d.Others...) {
		m := message(n, d.To, way, a)
		var r alert.Receipt
		summary := fmt.Sprintf("%s %s to %s (%s) by %s", n.Severity, n.Reason, d.To.Name, d.To.Role, way.Channel)
		err := workflow.ExecuteActivity(notification(ctx, summary), hands.Deliver, m).Get(ctx, &r)
		if err == nil {
			return &r, failed
		}
		_, text := activities.FailureOf(err)
		failed = append(failed, fmt.Sprintf("%s to %s: %s", way.Channel, d.To.ID, text))
	}
	return nil, failed
}

func message(n alert.Notice, to people.Contact, way activities.Way, a lifecycle.Alert) alert.Message {
	m := alert.Message{Notice: n, To: to, Channel: way.Channel, Kind: way.Kind, Address: way.Address, DedupKey: n.Key + "/" + to.ID + "/" + way.Channel}
	i := slices.IndexFunc(a.Receipts, func(r alert.Receipt) bool { return r.Channel == way.Channel && r.Address == way.Address })
	if i >= 0 {
		m.InReplyTo = &a.Receipts[i]
	}
	return m
}

func (c *certificate) noteDelivery(ctx workflow.Context, a lifecycle.Alert, t lifecycle.Told) {
	var to []string
	for _, r := range t.Receipts {
		to = append(to, r.To+" by "+r.Channel)
	}
	text := fmt.Sprintf("%s reached %s", a.Reason, strings.Join(to, ", "))
	if len(to) == 0 {
		text = fmt.Sprintf("%s reached nobody", a.Reason)
	}
	if len(t.Failed) > 0 {
		text += "; failed: " + strings.Join(t.Failed, "; ")
	}
	c.note(ctx, entry{Kind: "delivered", Text: text, Details: map[string]string{"alert": a.ID}})
}

// edit brings the messages of an alert up to date, each on its own.
func (c *certificate) edit(ctx workflow.Context, d lifecycle.Decision) {
	a := *d.Step.Alert
	n := c.notice(ctx, a, a.Edit, d.Step)
	workflow.GoNamed(ctx, "edit "+a.ID, func(ctx workflow.Context) {
		done := 0
		for i, r := range a.Receipts {
			workflow.GoNamed(ctx, "edit at "+r.Channel, func(ctx workflow.Context) {
				to := people.Contact{ID: r.To, Name: r.To}
				m := message(n, to, activities.Way{Channel: r.Channel, Kind: r.Kind, Address: r.Address}, a)
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

// attempt runs the child that renews, deploys or rolls back.
func (c *certificate) attempt(ctx workflow.Context, d lifecycle.Decision) {
	run, s := *d.Step.Run, c.State.Spec
	in := RenewalInput{
		Name: s.Name, Names: s.Names, CA: s.CA, KeyType: s.KeyType, ReuseKey: s.ReuseKey, Profile: s.Profile,
		Endpoints: s.Endpoints, Purpose: string(run.Purpose), Replaces: run.Replaces, Version: run.Version,
		Targets: run.Targets, Discard: run.Discard, Proof: run.Proof, Timeout: run.Timeout, Attempt: run.Attempt,
	}
	c.note(ctx, entry{Kind: "attempt", Text: fmt.Sprintf("%s begins (%s), attempt %d", run.Purpose, d.Reason, run.Attempt), By: run.ByHand})
	workflow.GoNamed(ctx, string(run.Purpose), func(ctx workflow.Context) {
		var out RenewalOutput
		summary := fmt.Sprintf("%s %s, attempt %d (%s)", run.Purpose, s.Name, run.Attempt, d.Reason)
		err := workflow.ExecuteChildWorkflow(attempt(ctx, in.workflowID(), summary, run.Timeout), c.RenewalWorkflow, in).Get(ctx, &out)
		o := out.outcome()
		if err != nil {
			_, text := activities.FailureOf(err)
			o = lifecycle.Outcome{Kind: lifecycle.Unknown, Cause: "the run ended without a word: " + text}
		}
		c.State.Ended(workflow.Now(ctx), run, o)
		c.noteOutcome(ctx, run, o)
		c.changed()
	})
}

func (c *certificate) noteOutcome(ctx workflow.Context, run lifecycle.Run, o lifecycle.Outcome) {
	e := entry{Kind: "outcome", Text: fmt.Sprintf("%s ended: %s", run.Purpose, o.Kind), Details: map[string]string{"outcome": string(o.Kind), "version": string(o.Version.Fingerprint)}}
	if o.Cause != "" {
		e.Text += ": " + o.Cause
	}
	if o.Kind.Success() {
		e.Text += fmt.Sprintf("; %s, valid until %s, is live", o.Version.Fingerprint.Short(), clock(o.Version.NotAfter))
	}
	c.note(ctx, e)
}

func roles(rs []people.Role) string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = string(r)
	}
	return strings.Join(out, " and ")
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
