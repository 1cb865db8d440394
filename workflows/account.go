package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// The messages of an account: an update that asks for a lease (budget.Request,
// answered by budget.Grant), a signal that tells how an order ended
// (activities.Report), and a query for its Account.
const (
	UpdateLease  = "lease"
	SignalReport = "report"
	QueryBudget  = "budget"
)

// Account is all that one run of an account's workflow hands to the next.
type Account struct {
	CA     string        `json:"ca"`
	Name   string        `json:"name"` // of the account
	Budget budget.State  `json:"budget"`
	Outage budget.Outage `json:"outage,omitzero"`
	Alerts []Event       `json:"alerts,omitempty"` // open ones
	Told   int           `json:"told"`             // makes each notice's key
	Runs   int           `json:"runs"`
}

// AccountID is the ID of the workflow that keeps one account of a CA.
func AccountID(ca, account string) string { return "ca/" + ca + "/" + account }

// account is one run of an account.
type account struct {
	*Workflows
	Account
	changes int
	waking  int // certificates that are being woken
	probing bool
	teller
	reports workflow.ReceiveChannel
}

// AccountWorkflow keeps one account of a CA inside what the CA allows: it
// grants leases, remembers what the CA said, and wakes the renewals that wait,
// the most urgent first.
func (w *Workflows) AccountWorkflow(ctx workflow.Context, in Account) error {
	a := &account{Workflows: w, Account: in, reports: workflow.GetSignalChannel(ctx, SignalReport)}
	a.teller = teller{alerts: &a.Alerts, told: &a.Told, changed: func() { a.changes++ }, notice: a.event}
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a budget that is not kept is none
	if err := a.setup(ctx); err != nil {
		return err
	}
	for {
		a.drain(ctx)
		turn := a.turn(ctx)
		a.offer(ctx, turn)
		a.probe(ctx)
		a.tellAll(ctx)
		workflow.SetCurrentDetails(ctx, a.details(workflow.Now(ctx)))
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && a.atRest(ctx) {
			a.drain(ctx)
			a.Runs++
			return workflow.NewContinueAsNewError(ctx, w.AccountWorkflow, a.Account)
		}
		a.wait(ctx, a.next(turn))
	}
}

func (a *account) setup(ctx workflow.Context) error {
	err := workflow.SetQueryHandler(ctx, QueryBudget, func() (Account, error) {
		out := a.Account
		out.Budget = out.Budget.Clone()
		out.Outage.Stranded, out.Alerts = slices.Clone(out.Outage.Stranded), slices.Clone(out.Alerts)
		return out, nil
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateLease, func(ctx workflow.Context, r budget.Request) (budget.Grant, error) {
		a.changes++
		return a.Budget.Ask(workflow.Now(ctx), r), nil
	}, workflow.UpdateHandlerOptions{Description: "May an order be placed?"})
}

// drain reads what has arrived; what is not read before the run ends is lost.
func (a *account) drain(ctx workflow.Context) {
	for {
		var r activities.Report
		if !a.reports.ReceiveAsync(&r) {
			return
		}
		a.reported(ctx, r)
	}
}

// reported takes in how an order ended.
func (a *account) reported(ctx workflow.Context, r activities.Report) {
	now := workflow.Now(ctx)
	switch r.Kind {
	case activities.MassRenewal:
		a.pulled(now, r)
		return
	case activities.Left:
		a.Budget.Withdraw(r.ID)
		a.Outage.Left(now, r.Certificate)
		return
	case activities.Validation, activities.NotFound:
		a.Budget.Failed(now, r.Limits)
	case activities.Unavailable:
		if r.RetryAt.IsZero() {
			a.Outage.Struck(now, budget.Stranded{Certificate: r.Certificate, SafeBy: r.SafeBy}, cut(r.Cause, keepText))
			return
		}
		var keys []string
		for _, l := range r.Limits {
			if r.Narrow && !l.Failures && l.Key != "account" {
				keys = append(keys, l.Key)
			}
		}
		a.Budget.Refused(now, r.RetryAt, cut(r.Cause, keepText), keys...)
	}
	if r.Certificate != "" {
		a.answered(ctx, r.Certificate)
	}
}

// turn asks the budget once and records its whole answer, so that its rules may
// change under a running account.
func (a *account) turn(ctx workflow.Context) budget.Turn {
	var t budget.Turn
	err := workflow.SideEffectWithOptions(ctx, workflow.SideEffectOptions{Summary: "whose turn is it?"}, func(workflow.Context) any {
		return a.Budget.Turn(workflow.Now(ctx))
	}).Get(&t)
	if err != nil {
		panic(err) // blocks the task, not the account
	}
	return t
}

// apart is between two renewals that are woken together.
const apart = time.Second

// offer wakes those whose turn has come.
func (a *account) offer(ctx workflow.Context, t budget.Turn) {
	a.Budget.Offered(workflow.Now(ctx), t.Offers)
	for i, o := range t.Offers {
		at := workflow.Now(ctx).Add(time.Duration(i) * apart)
		a.wake(ctx, o.Certificate, Ready{CA: a.CA, At: at, Why: "its limits have room"}, func() { a.Budget.Withdraw(o.ID) })
	}
}

// wake signals a certificate; gone is called if there is none any more.
func (a *account) wake(ctx workflow.Context, name string, in Ready, gone func()) {
	a.waking++
	workflow.GoNamed(ctx, "wake "+name, func(ctx workflow.Context) {
		if workflow.SignalExternalWorkflow(ctx, WorkflowID(name), "", SignalReady, in).Get(ctx, nil) != nil {
			gone()
		}
		a.waking--
		a.changes++
	})
}

func (a *account) atRest(ctx workflow.Context) bool {
	return a.waking == 0 && !a.probing && a.telling == 0 && workflow.AllHandlersFinished(ctx)
}

// wait sleeps until something happens or is due; a zero next means: until something happens.
func (a *account) wait(ctx workflow.Context, next time.Time) {
	seen := a.changes
	timerCtx, cancel := workflow.WithCancel(ctx)
	var timer workflow.Future
	if !next.IsZero() {
		summary := fmt.Sprintf("sleep until %s: a limit has room, an offer lapses or the CA is tried", clock(next))
		timer = workflow.NewTimerWithOptions(timerCtx, max(next.Sub(workflow.Now(ctx)), time.Millisecond), workflow.TimerOptions{Summary: brief(summary)})
	}
	_ = workflow.Await(ctx, func() bool {
		full := workflow.GetInfo(ctx).GetContinueAsNewSuggested() && a.atRest(ctx)
		return a.changes != seen || a.reports.Len() > 0 || full || timer != nil && timer.IsReady()
	})
	cancel()
}

// next is when something is due by itself; what is under way tells when it ends.
func (a *account) next(t budget.Turn) time.Time {
	probe, repeat := a.Outage.ProbeAt, a.repeatAt()
	if a.probing {
		probe = time.Time{}
	}
	if a.telling > 0 {
		repeat = time.Time{}
	}
	return earliest(t.Next, probe, repeat)
}

// details says in plain words where the account stands.
func (a *account) details(now time.Time) string {
	text := fmt.Sprintf("### CA %s, account %s\n\n%d renewals wait, %d dates of the CA hold\n", code(a.CA), code(a.Name), len(a.Budget.Waiting), len(a.Budget.Blocks))
	if o := a.Outage; o.On() {
		text += fmt.Sprintf("\n- **does not answer since %s**, %d certificates wait for it, tried again at %s: %s", clock(o.Since), len(o.Stranded), clock(o.ProbeAt), code(o.Cause))
	}
	for _, b := range a.Budget.Blocks {
		text += fmt.Sprintf("\n- nothing before %s for %s: %s", clock(b.Until), code(orEverything(b.Key)), code(b.Why))
	}
	const most = 50
	for _, w := range a.Budget.Waiting[:min(most, len(a.Budget.Waiting))] {
		text += fmt.Sprintf("\n- %s waits since %s; safe until %s (%s)", code(w.Certificate), clock(w.Since), clock(w.SafeBy), lifecycle.FormatDuration(w.SafeBy.Sub(now).Truncate(time.Second)))
	}
	return text
}

func orEverything(key string) string {
	if key == "" {
		return "everything"
	}
	return key
}
