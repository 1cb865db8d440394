package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
)

// The messages of a channel: signals that plan it (ChannelPlan) and that tell
// what became of messages (activities.ChannelNews), an update by which somebody
// says that they read it (Request), and a query for its Channel.
const (
	SignalPlan    = "plan"
	SignalNews    = "news"
	UpdateConfirm = "confirm"
	QueryChannel  = "channel"
)

// ChannelPlan is what is configured about a channel.
type ChannelPlan struct {
	Kind  string        `json:"kind"`
	Proof delivery.Plan `json:"proof"`
	Gone  bool          `json:"gone,omitempty"` // it is configured no more: that ends its workflow
}

// Channel is all that one run of a channel's workflow hands to the next.
type Channel struct {
	Name    string           `json:"name"`
	Plan    ChannelPlan      `json:"plan"`
	Trouble delivery.Trouble `json:"trouble,omitzero"`
	Life    delivery.Life    `json:"life,omitzero"`
	Asked   []alert.Receipt  `json:"asked,omitempty"`  // messages that ask for the latest proof of life
	Broken  []string         `json:"broken,omitempty"` // addresses that were told to be, with their dates
	Alerts  []Event          `json:"alerts,omitempty"` // open ones
	Told    int              `json:"told"`             // makes each notice's key
	Runs    int              `json:"runs"`
}

// keepBroken bounds how many addresses are remembered as told.
const keepBroken = 200

// ChannelID is the ID of the workflow that looks after a channel.
func ChannelID(name string) string { return "channel/" + name }

// ChannelAlert begins the IDs of alerts that are about a channel.
func ChannelAlert(channel string) string { return channel + "/channel/" }

// channel is one run of a channel.
type channel struct {
	*Workflows
	Channel
	teller
	changes     int
	trying      bool
	asking      bool
	plans, news workflow.ReceiveChannel
}

// ChannelWorkflow looks after one channel: it tells people by another one when it
// fails for everybody and when an address leads nowhere, tries it until it works
// again, and has somebody prove now and then that they read it.
func (w *Workflows) ChannelWorkflow(ctx workflow.Context, in Channel) error {
	c := &channel{Workflows: w, Channel: in}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if err := c.setup(ctx); err != nil {
		return err
	}
	for {
		c.drain(ctx)
		if c.Plan.Gone {
			return nil
		}
		c.try(ctx)
		c.askForLife(ctx)
		c.tellAll(ctx)
		workflow.SetCurrentDetails(ctx, c.details())
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && c.atRest(ctx) {
			c.drain(ctx)
			c.Runs++
			return workflow.NewContinueAsNewError(ctx, w.ChannelWorkflow, c.Channel)
		}
		c.wait(ctx)
	}
}

func (c *channel) setup(ctx workflow.Context) error {
	c.teller = teller{
		alerts: &c.Alerts, told: &c.Told, changed: func() { c.changes++ }, notice: c.about,
		readers: ownersTeam, shuns: func(name string) bool { return name == c.Name },
	}
	c.plans = workflow.GetSignalChannelWithOptions(ctx, SignalPlan, workflow.SignalChannelOptions{Description: "what is configured"})
	c.news = workflow.GetSignalChannelWithOptions(ctx, SignalNews, workflow.SignalChannelOptions{Description: "what became of messages"})
	err := workflow.SetQueryHandler(ctx, QueryChannel, func() (Channel, error) {
		out := c.Channel
		out.Asked, out.Broken, out.Alerts = slices.Clone(out.Asked), slices.Clone(out.Broken), slices.Clone(out.Alerts)
		return out, nil
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateConfirm, func(ctx workflow.Context, r Request) (Taken, error) {
		return c.confirmed(ctx, r), nil
	}, workflow.UpdateHandlerOptions{Description: "Somebody read a message of the channel", Validator: func(_ workflow.Context, r Request) error {
		if r.By == "" {
			return temporal.NewNonRetryableApplicationError("who read it? a name is missing", refused, nil)
		}
		return nil
	}})
}

// drain reads what has arrived; what is not read before the run ends is lost.
func (c *channel) drain(ctx workflow.Context) {
	receive(c.plans, func(p ChannelPlan) {
		c.Plan = p
		c.Life.Planned(workflow.Now(ctx), p.Proof)
	})
	receive(c.news, func(n activities.ChannelNews) {
		switch now := workflow.Now(ctx); {
		case n.Broken != nil:
			c.broke(ctx, *n.Broken)
		case !n.WorkedAt.IsZero():
			c.worked(n.WorkedAt)
		case n.GivenUp != nil && n.GivenUp.About == delivery.Channel:
			c.struck(now, *n.GivenUp, n.Before.LastSuccess)
		}
	})
}

func (c *channel) struck(now time.Time, u delivery.Undelivered, lastSuccess time.Time) {
	if c.Trouble.Struck(now, lastSuccess, u.Why) {
		c.raise(Event{Reason: alert.ChannelFailing, Severity: alert.P2, Since: now, NextAt: c.Trouble.TellAt(now), Cause: u.Why}, now)
	}
}

func (c *channel) worked(at time.Time) {
	if c.Trouble.Worked(at) {
		c.settle(alert.ChannelFailing, "it accepted a message at "+clock(at))
	}
}

func (c *channel) broke(ctx workflow.Context, b delivery.Broken) {
	now, key := workflow.Now(ctx), delivery.Fold(b.Kind, b.Address)+" "+b.Since.UTC().Format(time.RFC3339)
	known := slices.Contains(c.Broken, key)
	if patched(ctx, tellsBreaksApart) {
		key = delivery.Fold(b.Kind, b.Address) + " " + b.Since.UTC().Format(time.RFC3339Nano)
		known = known || slices.Contains(c.Broken, key) // runs before may have noted the second alone
	}
	if known {
		return
	}
	c.Broken = append(c.Broken, key)
	c.Broken = c.Broken[max(0, len(c.Broken)-keepBroken):]
	c.raise(Event{Reason: alert.AddressBroken, Severity: alert.P3, Since: now, Subject: b.Address, Owner: b.Owner, Once: true, Cause: b.Why}, now)
}

func (c *channel) atRest(ctx workflow.Context) bool {
	return !c.trying && !c.asking && c.telling == 0 && workflow.AllHandlersFinished(ctx)
}

// wait sleeps until something happens or is due.
func (c *channel) wait(ctx workflow.Context) {
	seen := c.changes
	tryAt, repeat := c.Trouble.TryAt, c.repeatAt()
	if c.trying {
		tryAt = time.Time{}
	}
	if c.telling > 0 {
		repeat = time.Time{}
	}
	next := earliest(tryAt, repeat, c.Life.NextAt, c.Life.DueAt)
	timerCtx, cancel := workflow.WithCancel(ctx)
	var timer workflow.Future
	if !next.IsZero() {
		summary := fmt.Sprintf("sleep until %s: people are told, the channel is tried or a proof of life is due", clock(next))
		timer = workflow.NewTimerWithOptions(timerCtx, max(next.Sub(workflow.Now(ctx)), time.Millisecond), workflow.TimerOptions{Summary: brief(summary)})
	}
	_ = workflow.Await(ctx, func() bool {
		full := workflow.GetInfo(ctx).GetContinueAsNewSuggested() && c.atRest(ctx)
		return c.changes != seen || c.plans.Len() > 0 || c.news.Len() > 0 || full || timer != nil && timer.IsReady()
	})
	cancel()
}

// details says in plain words how the channel stands.
func (c *channel) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Channel %s (%s)\n", code(c.Name), code(c.Plan.Kind))
	if t := c.Trouble; t.On() {
		fmt.Fprintf(&b, "\n- **fails since %s**, %d messages lost, tried again at %s: %s", clock(t.Since), t.Lost, clock(t.TryAt), code(t.Cause))
	}
	if l := c.Life; !l.AskedAt.IsZero() {
		fmt.Fprintf(&b, "\n- proof of life asked for at %s", clock(l.AskedAt))
		switch {
		case l.Doubtful:
			b.WriteString(": **nobody answered**")
		case l.AnsweredAt.After(l.AskedAt):
			fmt.Fprintf(&b, ", answered by %s", code(l.By))
		}
	}
	return b.String()
}

// AskChannel tells how a channel stands.
func AskChannel(ctx context.Context, c client.Client, name string) (Channel, error) {
	var out Channel
	v, err := c.QueryWorkflow(ctx, ChannelID(name), "", QueryChannel)
	if err != nil {
		return out, err
	}
	return out, v.Get(&out)
}

// ConfirmChannel says that somebody read a message of a channel. ErrNoChannel: no
// worker looks after a channel of that name.
func ConfirmChannel(ctx context.Context, c client.Client, name string, r Request) (Taken, error) {
	var out Taken
	h, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		UpdateID: r.ID, WorkflowID: ChannelID(name), UpdateName: UpdateConfirm, Args: []any{r}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = h.Get(ctx, &out)
	}
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return out, fmt.Errorf("%s: %w", name, ErrNoChannel)
	}
	return out, err
}

// ErrNoChannel tells that no channel has the name.
var ErrNoChannel = errors.New("no such channel")
