// Package workflows is the story: one certificate is one workflow that sleeps
// until the next thing that matters, tells the right human, renews, proves and
// rolls back. It is deterministic and does nothing itself: lifecycle decides,
// activities act. app registers it; starter and web send it messages.
package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// Workflows are the workflows of a worker. Brain is lifecycle.Next; a replay
// never asks it, so its rules may change under running certificates.
type Workflows struct {
	Brain func(time.Time, lifecycle.State) lifecycle.Decision
	// Link gives the address at which people see a certificate whole; "" if there is none.
	Link func(name string) string
	// ChannelLink gives the address at which people say that they read a channel; "" if there is none.
	ChannelLink func(name string) string
}

// Entity is all that one run of a certificate hands to the next.
type Entity struct {
	State    lifecycle.State `json:"state"`
	Begun    bool            `json:"begun"`             // the journal tells the enrolment
	Sequence int64           `json:"sequence"`          // of the last journal entry; goes on over enrolments of one name
	Unread   []cert.Entry    `json:"unread,omitempty"`  // journal entries that are not yet written
	Answers  []string        `json:"answers,omitempty"` // IDs of requests already counted
	// Undelivered are dead letters that are not yet kept; they go with the journal.
	Undelivered []delivery.Undelivered `json:"undelivered,omitempty"`
	// Unclaimed tells that the spec was replaced and its places are not those held.
	Unclaimed bool `json:"unclaimed,omitempty"`
	Runs      int  `json:"runs"`
	// Kept is the digest of the state in the snapshot that the store has; empty: it
	// has none that is known of.
	Kept string `json:"kept,omitempty"`
	// Shown is what people find the certificate by, as the run before left it. A
	// run begun by an older release has none: it shows itself anew and writes the
	// journal as things happen, not once before it rests.
	Shown *lifecycle.Attributes `json:"shown,omitempty"`
}

// certificate is one run of the entity.
type certificate struct {
	*Workflows
	Entity
	began     cert.Fingerprint // the live version when this run began
	changes   int              // counts everything that may change a decision
	asked     int              // changes when the brain was asked last
	recording bool
	recordAt  time.Time // the journal was out of reach: not before
	claiming  bool
	claimAt   time.Time
	shown     lifecycle.Attributes // as upserted last
	respecced bool                 // the spec was replaced since the memo was written
	advised   cert.Window          // as the memo has it
	child     string               // ID of the run that is under way
	keptKey   bool                 // as the memo has it, in this run
	last      lifecycle.Decision
	lastAt    time.Time
	signals   signals
	early     []Delivered // of notices that are still being told
	telling   int         // successes that are being told
}

// CertificateWorkflow guards one certificate for as long as it is enrolled.
func (w *Workflows) CertificateWorkflow(ctx workflow.Context, e Entity) error {
	c := &certificate{Workflows: w, Entity: e, began: e.State.Live.Fingerprint}
	if e.Shown != nil {
		c.shown = *e.Shown
	}
	ctx = c.uncancelled(ctx)
	if err := c.setup(ctx); err != nil {
		return err
	}
	c.recordHanded(ctx, e.Unread)
	return c.run(ctx)
}

// uncancelled makes a context that cancelling the workflow does not end: a
// click in the Web UI must not leave a certificate unguarded. It is told how to
// retire one instead.
func (c *certificate) uncancelled(parent workflow.Context) workflow.Context {
	ctx, _ := workflow.NewDisconnectedContext(parent)
	workflow.GoNamed(ctx, "cancellation", func(ctx workflow.Context) {
		if parent.Done().Receive(ctx, nil); parent.Err() != nil {
			c.note(ctx, entry{Kind: "refused", Text: "cancelling was refused; to end the guard: neverlapse retire " + c.State.Spec.Name})
			c.changed()
		}
	})
	return ctx
}

// run is the story: ask what is next, begin it or wait for it.
func (c *certificate) run(ctx workflow.Context) error {
	for {
		d := c.decide(ctx)
		c.withdraw(ctx)
		if !patched(ctx, sparesActions) {
			c.show(ctx, d)
		}
		if c.Shown == nil {
			c.record(ctx)
		}
		c.claim(ctx)
		switch {
		case d.Step.Kind == lifecycle.StepFinish:
			return c.finish(ctx, d)
		case c.full(ctx, d) && c.atRest(ctx):
			return c.continueAsNew(ctx, d)
		case d.Step.Kind == lifecycle.StepWait, c.full(ctx, d) && !presses(d):
			c.record(ctx)
			c.wait(ctx, d)
		default:
			c.begin(ctx, d)
		}
	}
}

// decide asks the brain once and records its whole answer. If nothing has happened
// since, what that answer foresaw for now needs no other.
func (c *certificate) decide(ctx workflow.Context) lifecycle.Decision {
	then := c.last.Foreseen(workflow.Now(ctx))
	if c.lastAt = workflow.Now(ctx); then != nil && c.changes == c.asked {
		c.last = *then
		return c.last
	}
	c.asked, c.last = c.changes, lifecycle.Decision{}
	foresees := patched(ctx, sparesActions)
	err := workflow.SideEffectWithOptions(ctx, workflow.SideEffectOptions{Summary: "decide what is next"}, func(workflow.Context) any {
		d := c.Brain(c.lastAt, c.State.Clone())
		if foresees {
			d = lifecycle.Foresee(c.Brain, c.lastAt, c.State, d)
		}
		return d
	}).Get(&c.last)
	if err != nil {
		panic(err) // blocks the task, not the certificate: it goes on when the payload can be read again
	}
	return c.last
}

// begin does one step; none of them blocks.
func (c *certificate) begin(ctx workflow.Context, d lifecycle.Decision) {
	c.State.Apply(d, workflow.Now(ctx))
	switch d.Step.Kind {
	case lifecycle.StepLook:
		c.look(ctx, d)
	case lifecycle.StepTell:
		c.tell(ctx, d)
	case lifecycle.StepEdit:
		c.edit(ctx, d)
	case lifecycle.StepReport:
		c.report(ctx, d)
	case lifecycle.StepClose:
		c.note(ctx, entry{Kind: "resolved", Text: string(d.Step.Alert.Reason) + " is resolved: " + d.Step.Alert.Evidence, Details: map[string]string{"reason": string(d.Step.Alert.Reason)}})
	case lifecycle.StepRun:
		c.attempt(ctx, d)
	case lifecycle.StepApproval:
		c.noteApproval(ctx, d)
	case lifecycle.StepRevoke:
		c.endVersion(ctx, *d.Step.Revoke)
	}
}

// changed wakes the loop.
func (c *certificate) changed() { c.changes++ }

// wait sleeps until something is due or happened, or the run can hand over. The
// timer is cancelled by hand: AwaitWithTimeout would leave it running.
func (c *certificate) wait(ctx workflow.Context, d lifecycle.Decision) {
	c.show(ctx, d)
	seen := c.changes
	until, summary := c.wake(d)
	due := func() bool { return !workflow.Now(ctx).Before(until) }
	if !c.lookWakes(ctx, until) {
		timerCtx, cancel := workflow.WithCancel(ctx)
		defer cancel()
		due = workflow.NewTimerWithOptions(timerCtx, max(until.Sub(workflow.Now(ctx)), time.Millisecond), workflow.TimerOptions{Summary: brief(summary)}).IsReady
	}
	_ = workflow.Await(ctx, func() bool { return c.changes != seen || due() || c.full(ctx, d) && c.atRest(ctx) })
}

// wake is when to ask the brain again although nothing happens, and why.
func (c *certificate) wake(d lifecycle.Decision) (time.Time, string) {
	until, why := d.Due, d.Reason
	if d.Step.Kind != lifecycle.StepWait { // held back until the run has handed over
		until, why = d.Next.At, d.Next.Reason
	}
	summary := inWords(why)
	if c.unrecorded() && c.recordAt.Before(until) {
		until, summary = c.recordAt, "the journal is written again"
	}
	if c.Unclaimed && !c.claiming && c.claimAt.Before(until) {
		until, summary = c.claimAt, "the places of the new spec are claimed again"
	}
	return until, "sleep until " + clock(until) + ": " + summary
}
