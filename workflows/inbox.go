package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/gather"
)

// The signals of an inbox: an activities.Parcel that is to be told, a Withdrawn
// that need not be told any more, and a Change of what was told among others.
const (
	SignalPosted    = "posted"
	SignalWithdrawn = "withdrawn"
	SignalChanged   = "changed"
)

// Withdrawn names a notice that nobody needs any more.
type Withdrawn struct {
	From   string `json:"from"`
	Alert  string `json:"alert"`
	Number int    `json:"number"`
}

// Change is how an alert stands that was told in a message with others.
type Change struct {
	Digest string      `json:"digest"` // that message, as its receipt names it
	Alert  string      `json:"alert"`
	Phase  alert.Phase `json:"phase"`
	By     string      `json:"by,omitempty"` // who answered
}

// Inbox is all that one run of somebody's inbox hands to the next.
type Inbox struct {
	To      string              `json:"to"`    // person or team ID
	Began   time.Time           `json:"began"` // of the first run; keeps the messages of two inboxes apart
	Gather  gather.State        `json:"gather"`
	Waiting []activities.Parcel `json:"waiting,omitempty"`
	Taken   []string            `json:"taken,omitempty"` // keys of notices that were sent, the latest
	Digests []Digest            `json:"digests,omitempty"`
	Told    int                 `json:"told"` // messages with several notices; makes their IDs
	Runs    int                 `json:"runs"`
}

// The bounds of what an inbox keeps. A crowd is so many that they will not be
// told alone, and are kept without what only a message about one says.
const (
	inboxFull  = 500
	inboxCrowd = 40
	keepTaken  = 1000
)

// InboxID is the ID of the workflow that keeps somebody's inbox.
func InboxID(to string) string { return "inbox/" + to }

// inbox is one run of an inbox.
type inbox struct {
	*Workflows
	Inbox
	changes                    int
	busy                       int // messages under way
	posted, withdrawn, changed workflow.ReceiveChannel
}

// InboxWorkflow keeps what waits for one contact, so that many notices at once
// are one message. It ends when nothing is left to be told or kept up to date;
// a certificate that hears nothing from it tells by itself.
func (w *Workflows) InboxWorkflow(ctx workflow.Context, in Inbox) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // cancelling it would leave people untold
	i := &inbox{Workflows: w, Inbox: in,
		posted:    workflow.GetSignalChannelWithOptions(ctx, SignalPosted, workflow.SignalChannelOptions{Description: "a notice is to be told"}),
		withdrawn: workflow.GetSignalChannelWithOptions(ctx, SignalWithdrawn, workflow.SignalChannelOptions{Description: "a notice need not be told any more"}),
		changed:   workflow.GetSignalChannelWithOptions(ctx, SignalChanged, workflow.SignalChannelOptions{Description: "what was told stands otherwise now"}),
	}
	if err := i.answerable(ctx); err != nil {
		return err
	}
	if i.Began.IsZero() {
		i.Began = workflow.Now(ctx).UTC()
	}
	for {
		i.drain(ctx)
		t := i.turn(ctx)
		i.send(ctx, t)
		i.refresh(ctx)
		workflow.SetCurrentDetails(ctx, i.details())
		switch {
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested() && i.busy == 0:
			i.drain(ctx)
			i.Runs++
			return workflow.NewContinueAsNewError(ctx, w.InboxWorkflow, i.Inbox)
		case i.over() && i.unread() == 0:
			return nil
		}
		i.wait(ctx, earliest(t.Next, i.refreshAt(), i.forgetAt()))
	}
}

// drain reads what has arrived; what is not read before the run ends is lost.
func (i *inbox) drain(ctx workflow.Context) {
	receive(i.posted, func(p activities.Parcel) { i.post(ctx, p) })
	receive(i.withdrawn, func(w Withdrawn) {
		i.Waiting = slices.DeleteFunc(i.Waiting, func(p activities.Parcel) bool {
			return p.From == w.From && p.Notice.AlertID == w.Alert && p.Number <= w.Number
		})
	})
	receive(i.changed, func(c Change) { i.change(workflow.Now(ctx), c) })
}

func (i *inbox) unread() int { return i.posted.Len() + i.withdrawn.Len() + i.changed.Len() }

// post takes a notice in, once. A later one about the same alert takes the place
// of the one before.
func (i *inbox) post(ctx workflow.Context, p activities.Parcel) {
	i.Gather.Rules = p.Rules
	if slices.Contains(i.Taken, p.Notice.Key) || slices.ContainsFunc(i.Waiting, func(o activities.Parcel) bool { return o.Notice.Key == p.Notice.Key }) {
		return
	}
	if len(i.Waiting) >= inboxCrowd {
		p = slim(p)
	}
	i.Waiting = append(i.Waiting, p)
	if len(i.Waiting) >= inboxFull {
		for n := range i.Waiting {
			i.Waiting[n].By = workflow.Now(ctx).UTC()
		}
	}
}

// slim leaves out what only a message about this alert alone says.
func slim(p activities.Parcel) activities.Parcel {
	n := &p.Notice
	n.Names, n.Places, n.Tried, n.Commands, n.Actions, n.Answer, n.Evidence = nil, nil, nil, nil, nil, nil, ""
	n.Cause = cut(n.Cause, 300)
	n.Version.Names = nil
	p.Receipts = nil
	return p
}

// turn asks once what is to be sent and records the answer, so that the rules
// may change under a running inbox.
func (i *inbox) turn(ctx workflow.Context) gather.Turn {
	var t gather.Turn
	if len(i.Waiting) == 0 {
		return t
	}
	all := make([]gather.Waiting, len(i.Waiting))
	for n, p := range i.Waiting {
		all[n] = gather.Waiting{At: p.Notice.At, By: p.By, Severity: p.Notice.Severity, Reason: p.Notice.Reason}
	}
	err := workflow.SideEffectWithOptions(ctx, workflow.SideEffectOptions{Summary: "what is to be told now?"}, func(workflow.Context) any {
		return i.Gather.Turn(workflow.Now(ctx), all)
	}).Get(&t)
	if err != nil {
		panic(err) // blocks the task; certificates tell by themselves meanwhile
	}
	return t
}

// over reports whether there is nothing left to do.
func (i *inbox) over() bool {
	return len(i.Waiting) == 0 && i.busy == 0 && len(i.Digests) == 0 && len(i.Gather.Sent) == 0
}

// forgetAt is when what was sent does not count any more, and what is kept up to
// date has become too old.
func (i *inbox) forgetAt() time.Time {
	var at time.Time
	if len(i.Waiting) > 0 {
		return at
	}
	for _, s := range i.Gather.Sent {
		at = s.At.Add(i.Gather.Rules.Every)
	}
	for _, d := range i.Digests {
		at = earliest(at, d.At.Add(keepDigest))
	}
	return at
}

// wait sleeps until something happens or is due; a zero next means: until something happens.
func (i *inbox) wait(ctx workflow.Context, next time.Time) {
	seen := i.changes
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	var timer workflow.Future
	if !next.IsZero() {
		summary := fmt.Sprintf("sleep until %s: %d notices wait, %d messages are kept up to date", clock(next), len(i.Waiting), len(i.Digests))
		timer = workflow.NewTimerWithOptions(timerCtx, max(next.Sub(workflow.Now(ctx)), time.Millisecond), workflow.TimerOptions{Summary: brief(summary)})
	}
	_ = workflow.Await(ctx, func() bool {
		full := workflow.GetInfo(ctx).GetContinueAsNewSuggested() && i.busy == 0
		return i.changes != seen || i.unread() > 0 || full || timer != nil && timer.IsReady()
	})
	now := workflow.Now(ctx)
	i.Gather.Forget(now)
	i.Digests = slices.DeleteFunc(i.Digests, func(d Digest) bool { return d.done() || !now.Before(d.At.Add(keepDigest)) })
}

// details says in plain words how the inbox stands.
func (i *inbox) details() string {
	text := fmt.Sprintf("### Inbox of %s\n\n%d notices wait, %d messages about many are kept up to date\n", code(i.To), len(i.Waiting), len(i.Digests))
	const most = 50
	for _, p := range i.Waiting[:min(most, len(i.Waiting))] {
		text += fmt.Sprintf("\n- %s %s of %s, told by %s at the latest", p.Notice.Severity, p.Notice.Reason, code(p.Notice.Certificate), clock(p.By))
	}
	return text
}
