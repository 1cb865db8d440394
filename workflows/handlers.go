package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// keepAnswers bounds how many request IDs are remembered.
const keepAnswers = 100

type signals struct {
	acknowledge, observed workflow.ReceiveChannel
}

// setup registers every message before anything blocks. Handlers change the
// state and wake the loop; they never block.
func (c *certificate) setup(ctx workflow.Context) error {
	s := &c.State
	now := func(ctx workflow.Context) time.Time { return workflow.Now(ctx) }
	for _, err := range []error{
		workflow.SetQueryHandler(ctx, QueryStatus, func() (Status, error) { return c.status(), nil }),
		Acknowledge.handle(ctx, c.acknowledge, func(_ workflow.Context, in AcknowledgeRequest) error {
			if c.counted(in.ID) {
				return nil
			}
			return s.CheckAcknowledge(lifecycle.Answered{Alert: in.Alert, By: in.By, For: in.For})
		}),
		Snooze.handle(ctx, c.snooze, func(ctx workflow.Context, in SnoozeRequest) error {
			if c.counted(in.ID) {
				return nil
			}
			return s.CheckSnooze(now(ctx), lifecycle.Answered{Alert: in.Alert, By: in.By, Until: in.Until})
		}),
		RenewNow.handle(ctx, c.renewNow, func(ctx workflow.Context, in RenewRequest) error {
			if c.counted(in.ID) {
				return nil
			}
			return s.CheckRenew(now(ctx))
		}),
		ObserveNow.handle(ctx, c.observeNow, func(workflow.Context, Request) error { return nil }),
		RollBack.handle(ctx, c.rollBack, func(ctx workflow.Context, in RollBackRequest) error {
			if c.counted(in.ID) {
				return nil
			}
			return s.CheckRollBack(now(ctx), in.To)
		}),
		SetSpec.handle(ctx, c.setSpec, func(_ workflow.Context, in SetSpecRequest) error {
			if in.Spec.Name != s.Spec.Name {
				return fmt.Errorf("a spec of %q cannot replace that of %q", in.Spec.Name, s.Spec.Name)
			}
			return in.Spec.Policy.Validate()
		}),
		PauseUntil.handle(ctx, c.pause, func(ctx workflow.Context, in PauseRequest) error {
			return s.CheckPause(now(ctx), lifecycle.Pause{Order: in.order(now(ctx)), Until: in.Until})
		}),
		Resume.handle(ctx, c.resume, func(workflow.Context, Request) error { return s.CheckResume() }),
		Retire.handle(ctx, c.retire, func(_ workflow.Context, in RetireRequest) error { return s.CheckRetire(in.Force) }),
	} {
		if err != nil {
			return err
		}
	}
	c.signals = signals{
		acknowledge: workflow.GetSignalChannelWithOptions(ctx, SignalAcknowledge, workflow.SignalChannelOptions{Description: "acknowledge, for senders that cannot wait for a worker"}),
		observed:    workflow.GetSignalChannelWithOptions(ctx, SignalObserved, workflow.SignalChannelOptions{Description: "a scanner saw a change"}),
	}
	c.listen(ctx)
	c.State.Recover(workflow.Now(ctx))
	if !c.Begun {
		c.Begun = true
		c.note(ctx, entry{Kind: "enrolled", Text: enrolledText(c.State.Spec), By: c.State.EnrolledBy})
	}
	return nil
}

func enrolledText(s lifecycle.Spec) string {
	how := "watched"
	if s.Managed {
		how = "managed: renewed by CA " + s.CA
	}
	return fmt.Sprintf("enrolled, %s, for %s, owner %s", how, strings.Join(s.Names, ", "), orNobody(s.Owner))
}

func orNobody(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}

// listen reads signals into the state as they come.
func (c *certificate) listen(ctx workflow.Context) {
	workflow.GoNamed(ctx, "signals", func(ctx workflow.Context) {
		for {
			selector := workflow.NewNamedSelector(ctx, "signals")
			selector.AddReceive(c.signals.acknowledge, func(ch workflow.ReceiveChannel, _ bool) {
				var in AcknowledgeRequest
				ch.Receive(ctx, &in)
				c.acknowledgeSignal(ctx, in)
			})
			selector.AddReceive(c.signals.observed, func(ch workflow.ReceiveChannel, _ bool) {
				var in []cert.Observation
				ch.Receive(ctx, &in)
				c.observed(ctx, in)
			})
			selector.Select(ctx)
		}
	})
}

// drain reads what has arrived before the run ends; what is not read is lost.
func (c *certificate) drain(ctx workflow.Context) {
	for {
		var in AcknowledgeRequest
		if !c.signals.acknowledge.ReceiveAsync(&in) {
			break
		}
		c.acknowledgeSignal(ctx, in)
	}
	for {
		var in []cert.Observation
		if !c.signals.observed.ReceiveAsync(&in) {
			break
		}
		c.observed(ctx, in)
	}
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

func (c *certificate) answered(ctx workflow.Context, kind string, r Request, done []lifecycle.Alert) AnswerResult {
	out := AnswerResult{}
	for _, a := range done {
		out.Alerts = append(out.Alerts, a.ID)
		out.Until = a.Answer.Until
		c.note(ctx, entry{Kind: kind, Text: fmt.Sprintf("%s is %s until %s", a.Reason, kind, clock(a.Answer.Until)), By: r.By, Via: r.Via, Note: r.Note,
			Details: map[string]string{"alert": a.ID}})
	}
	out.Text = fmt.Sprintf("%s until %s", kind, clock(out.Until))
	return out
}

func (r Request) order(at time.Time) lifecycle.Order {
	return lifecycle.Order{By: r.By, Via: r.Via, At: at, Note: r.Note}
}

func (c *certificate) renewNow(ctx workflow.Context, in RenewRequest) Taken {
	if c.count(in.ID) {
		o := in.order(workflow.Now(ctx))
		o.New = in.New
		c.State.Renew = &o
		c.note(ctx, entry{Kind: "renew-asked", Text: "a renewal was asked for", By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"the renewal of " + c.State.Spec.Name + " begins now"}
}

func (c *certificate) observeNow(ctx workflow.Context, in Request) Taken {
	if c.count(in.ID) {
		o := in.order(workflow.Now(ctx))
		c.State.Look = &o
		c.note(ctx, entry{Kind: "check-asked", Text: "a check was asked for", By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"every place of " + c.State.Spec.Name + " is looked at now"}
}

func (c *certificate) rollBack(ctx workflow.Context, in RollBackRequest) Taken {
	if c.count(in.ID) {
		o := in.order(workflow.Now(ctx))
		o.Fingerprint = in.To
		c.State.AskRollBack(o)
		c.note(ctx, entry{Kind: "rollback-asked", Text: "rolling back to " + c.State.RollBack.Fingerprint.Short() + " was asked for", By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"rolling back begins now; automation keeps its hands off until: neverlapse resume " + c.State.Spec.Name}
}

func (c *certificate) setSpec(ctx workflow.Context, in SetSpecRequest) Taken {
	if c.count(in.ID) {
		c.State.SetSpec(in.Spec)
		c.note(ctx, entry{Kind: "changed", Text: "the spec was replaced; " + enrolledText(in.Spec), By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"the spec of " + c.State.Spec.Name + " is replaced"}
}

func (c *certificate) pause(ctx workflow.Context, in PauseRequest) Taken {
	if c.count(in.ID) {
		c.State.Paused = &lifecycle.Pause{Order: in.order(workflow.Now(ctx)), Until: in.Until}
		c.note(ctx, entry{Kind: "paused", Text: "renewal is paused until " + clock(in.Until), By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"no renewal of " + c.State.Spec.Name + " before " + clock(in.Until) + "; alerts go on"}
}

func (c *certificate) resume(ctx workflow.Context, in Request) Taken {
	if c.count(in.ID) {
		c.State.Resume()
		c.note(ctx, entry{Kind: "resumed", Text: "renewal goes on", By: in.By, Via: in.Via, Note: in.Note})
	}
	return Taken{"the renewal of " + c.State.Spec.Name + " goes on"}
}

func (c *certificate) retire(ctx workflow.Context, in RetireRequest) Taken {
	if c.count(in.ID) {
		o := in.order(workflow.Now(ctx))
		c.State.Retire = &o
	}
	return Taken{c.State.Spec.Name + " is retired: nobody guards it any more"}
}

func (c *certificate) observed(ctx workflow.Context, seen []cert.Observation) {
	c.see(ctx, seen)
	c.changed()
}
