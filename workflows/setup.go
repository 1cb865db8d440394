package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

type signals struct {
	acknowledge, observed, window, ready, summarized, forbidden, delivered, restored, elsewhere workflow.ReceiveChannel
}

// setup registers every message before anything blocks. Handlers change the
// state and wake the loop; they never block.
func (c *certificate) setup(ctx workflow.Context) error {
	s := &c.State
	now := func(ctx workflow.Context) time.Time { return workflow.Now(ctx) }
	for _, err := range []error{
		workflow.SetQueryHandler(ctx, QueryStatus, func() (Status, error) { return c.status(), nil }),
		handle(ctx, c, Acknowledge, c.acknowledge, func(_ workflow.Context, in AcknowledgeRequest) error {
			return s.CheckAcknowledge(lifecycle.Answered{Alert: in.Alert, By: in.By, Seen: in.Seen, For: in.For})
		}),
		handle(ctx, c, Snooze, c.snooze, func(ctx workflow.Context, in SnoozeRequest) error {
			return s.CheckSnooze(now(ctx), lifecycle.Answered{Alert: in.Alert, By: in.By, Seen: in.Seen, Until: in.Until})
		}),
		handle(ctx, c, TakeOver, c.takeOver, func(_ workflow.Context, in TakeOverRequest) error { return s.CheckTakeOver(in.answered()) }),
		handle(ctx, c, Reassign, c.reassign, func(_ workflow.Context, in ReassignRequest) error {
			return s.CheckReassign(in.to(), in.answered())
		}),
		handle(ctx, c, RenewNow, c.renewNow, func(ctx workflow.Context, in RenewRequest) error {
			return s.CheckRenewal(now(ctx), in.renewing(now(ctx)))
		}),
		handle(ctx, c, ObserveNow, c.observeNow, func(workflow.Context, Request) error { return nil }),
		handle(ctx, c, RollBack, c.rollBack, func(ctx workflow.Context, in RollBackRequest) error { return s.CheckRollBack(now(ctx), in.To) }),
		handle(ctx, c, Deploy, c.deploy, func(ctx workflow.Context, in DeployRequest) error {
			return s.CheckDeploy(now(ctx), in.deploying(now(ctx)))
		}),
		handle(ctx, c, Revoke, c.revoke, func(ctx workflow.Context, in RevokeRequest) error {
			return s.CheckRevoke(now(ctx), in.revoking(now(ctx)))
		}),
		handle(ctx, c, Supply, c.supply, func(ctx workflow.Context, in SupplyRequest) error { return s.CheckSupply(now(ctx), in.Version) }),
		handle(ctx, c, SetSpec, c.setSpec, func(_ workflow.Context, in SetSpecRequest) error {
			if in.Spec.Name != s.Spec.Name {
				return fmt.Errorf("a spec of %q cannot replace that of %q", in.Spec.Name, s.Spec.Name)
			}
			if _, err := cert.ParseNames(in.Spec.Names); err != nil {
				return err
			}
			if why := in.Spec.Policy.Unsatisfiable(s.Live.Lifetime()); why != "" && in.Spec.Managed && s.Live.Fingerprint != "" {
				return fmt.Errorf("policy %q: freezes: %s", in.Spec.Policy.Name, why)
			}
			return in.Spec.Policy.Validate()
		}),
		handle(ctx, c, SetPolicy, c.setPolicy, func(_ workflow.Context, in SetPolicyRequest) error { return s.CheckPolicy(in.Policy) }),
		handle(ctx, c, PauseUntil, c.pause, func(ctx workflow.Context, in PauseRequest) error {
			return s.CheckPause(now(ctx), lifecycle.Pause{Order: in.order(now(ctx)), Until: in.Until})
		}),
		handle(ctx, c, Resume, c.resume, func(workflow.Context, Request) error { return s.CheckResume() }),
		handle(ctx, c, Approve, c.approve, func(_ workflow.Context, in DecideRequest) error { return s.CheckDecide(in.deciding(false)) }),
		handle(ctx, c, Deny, c.deny, func(_ workflow.Context, in DecideRequest) error { return s.CheckDecide(in.deciding(true)) }),
		handle(ctx, c, Retire, c.retire, func(_ workflow.Context, in RetireRequest) error { return s.CheckRetire(in.Force) }),
	} {
		if err != nil {
			return err
		}
	}
	c.signals = signals{
		acknowledge: workflow.GetSignalChannelWithOptions(ctx, SignalAcknowledge, workflow.SignalChannelOptions{Description: "acknowledge, for senders that cannot wait for a worker"}),
		observed:    workflow.GetSignalChannelWithOptions(ctx, SignalObserved, workflow.SignalChannelOptions{Description: "a scanner saw a change"}),
		window:      workflow.GetSignalChannelWithOptions(ctx, SignalWindow, workflow.SignalChannelOptions{Description: "the CA's renewal window moved"}),
		ready:       workflow.GetSignalChannelWithOptions(ctx, SignalReady, workflow.SignalChannelOptions{Description: "the CA may be asked again"}),
		forbidden:   workflow.GetSignalChannelWithOptions(ctx, SignalForbidden, workflow.SignalChannelOptions{Description: "somebody asked for what they may not do"}),
		summarized:  workflow.GetSignalChannelWithOptions(ctx, SignalSummarized, workflow.SignalChannelOptions{Description: "the import that enrolled it told people, or could not"}),
		restored:    workflow.GetSignalChannelWithOptions(ctx, SignalRestored, workflow.SignalChannelOptions{Description: "somebody brought the workflow back after it was ended from outside"}),
		elsewhere:   workflow.GetSignalChannelWithOptions(ctx, SignalElsewhere, workflow.SignalChannelOptions{Description: "somebody asked for a renewal where something else renews it"}),
		delivered:   workflow.GetSignalChannelWithOptions(ctx, SignalDelivered, workflow.SignalChannelOptions{Description: "an inbox told somebody, or could not"}),
	}
	c.listen(ctx)
	c.State.Recover(workflow.Now(ctx))
	if !c.Begun {
		c.Begun = true
		e := entry{Kind: "enrolled", Text: enrolledText(c.State.Spec), By: c.State.EnrolledBy, Note: c.State.Spec.Note}
		if i := c.State.Import; i != nil {
			e.Details = map[string]string{"import": i.ID}
		}
		c.note(ctx, e)
	}
	return nil
}

func enrolledText(s lifecycle.Spec) string {
	how := "watched"
	if s.Managed {
		how = "managed: renewed by CA " + strings.Join(s.CAs(), ", then ")
	}
	if s.Supplied {
		how = "managed: ordered by hand from " + s.CA
	}
	if s.CSR != nil {
		how += ", for a key that stays on its host (" + s.CSR.ShortKey() + ")"
	}
	text := fmt.Sprintf("enrolled, %s, for %s, owner %s", how, strings.Join(s.Names, ", "), orNobody(s.Owner))
	if s.AcceptIrreversible {
		text += "; accepted: what a target has now need not come back where it cannot"
	}
	return text
}

func orNobody(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}

// listen reads signals into the state as they come. It waits for them without
// receiving: a coroutine that waits in Receive is handed the next signal at once,
// and takes it with it when the run ends before the coroutine goes on.
func (c *certificate) listen(ctx workflow.Context) {
	workflow.GoNamed(ctx, "signals", func(ctx workflow.Context) {
		for {
			_ = workflow.Await(ctx, func() bool {
				for _, ch := range []workflow.ReceiveChannel{c.signals.acknowledge, c.signals.observed, c.signals.window, c.signals.ready, c.signals.summarized, c.signals.forbidden, c.signals.delivered, c.signals.restored, c.signals.elsewhere} {
					if ch.Len() > 0 {
						return true
					}
				}
				return false
			})
			c.drain(ctx)
		}
	})
}

// drain reads what has arrived; what is not read before the run ends is lost.
func (c *certificate) drain(ctx workflow.Context) {
	receive(c.signals.acknowledge, func(in AcknowledgeRequest) { c.acknowledgeSignal(ctx, in) })
	receive(c.signals.observed, func(in []cert.Observation) { c.observed(ctx, in) })
	receive(c.signals.window, func(in Suggestion) { c.suggested(ctx, in) })
	receive(c.signals.ready, func(in Ready) { c.ready(ctx, in) })
	receive(c.signals.summarized, func(in Summarized) { c.summarized(ctx, in) })
	receive(c.signals.delivered, func(in Delivered) { c.delivered(ctx, in) })
	receive(c.signals.forbidden, func(in Forbidden) { c.forbidden(ctx, in) })
	receive(c.signals.restored, func(in Request) { c.restored(ctx, in) })
	receive(c.signals.elsewhere, func(in activities.AskedElsewhere) { c.elsewhere(ctx, in) })
}

// receive takes everything that waits in a channel.
func receive[T any](from workflow.ReceiveChannel, take func(T)) {
	for {
		var in T
		if !from.ReceiveAsync(&in) {
			return
		}
		take(in)
	}
}
