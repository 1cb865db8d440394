package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
)

// probe tries a CA that is down when it is time to, and sends the most urgent
// certificate ahead once the CA answers.
func (a *account) probe(ctx workflow.Context) {
	if a.probing || !a.Outage.ProbeDue(workflow.Now(ctx)) {
		return
	}
	a.probing = true
	workflow.GoNamed(ctx, "probe", func(ctx workflow.Context) {
		err := workflow.ExecuteActivity(probing(ctx, "probe CA "+a.CA+": is it there?"), hands.Probe, a.CA).Get(ctx, nil)
		cause := ""
		if err != nil {
			_, cause = activities.FailureOf(err)
		}
		a.probing = false
		a.changes++
		now := workflow.Now(ctx)
		if first := a.Outage.Probed(now, cut(cause, keepText)); first != "" {
			a.wake(ctx, first, Ready{CA: a.CA, At: now, Why: "it is there again, and this certificate goes first"}, func() { a.Outage.ProbeAt = workflow.Now(ctx) })
		}
		a.outageTold(now)
	})
}

// answered ends an outage: the CA answered an order. All who wait go on, spread out.
func (a *account) answered(ctx workflow.Context, certificate string) {
	now := workflow.Now(ctx)
	for i, s := range a.Outage.Answered(certificate) {
		a.wake(ctx, s.Certificate, Ready{CA: a.CA, At: now.Add(time.Duration(i+1) * apart), Why: "it answers again"}, func() {})
	}
	a.outageTold(now)
}

// outageTold keeps the one alert of an outage.
func (a *account) outageTold(now time.Time) {
	switch o := a.Outage; {
	case o.On() && o.Confirmed:
		a.raise(Event{Reason: alert.CAOutage, Severity: alert.P3, Cause: o.Cause, Since: o.Since}, now)
	case !o.On():
		a.settle(alert.CAOutage, "the CA answered an order at "+clock(now))
	}
}

// manyAtOnce is how many windows that are past make an event of its own.
const manyAtOnce = 10

// pulled keeps the one alert of a CA that wants very many certificates renewed at once.
func (a *account) pulled(now time.Time, r activities.Report) {
	if r.Count >= manyAtOnce {
		a.raise(Event{Reason: alert.MassRenewal, Severity: alert.P2, Cause: r.Cause, Since: now}, now)
	} else if r.Count == 0 {
		a.settle(alert.MassRenewal, "no certificate has a window that is past any more, as of "+clock(now))
	}
}

// event gathers what a message about a CA tells; the certificates that wait for
// it stand in the place of names.
func (a *account) event(now time.Time, e Event) alert.Notice {
	n := alert.Notice{
		Key: fmt.Sprintf("ca/%s/%s/%s/%d", a.CA, a.Name, e.Reason, a.Told), AlertID: "ca/" + a.CA + "/" + string(e.Reason), Phase: alert.Firing,
		Severity: e.Severity, Reason: e.Reason, Reach: alert.Wide, Certificate: a.CA, Managed: true, At: now.UTC(), Cause: e.Cause,
		Next: alert.NextStep{Kind: "wait-ca", At: a.Outage.ProbeAt}, Commands: []string{"neverlapse ca budget " + a.CA}, Evidence: e.Evidence,
	}
	if e.Reason == alert.CAOutage {
		for _, s := range a.Outage.Stranded {
			n.Names = append(n.Names, s.Certificate)
		}
	} else {
		n.Next = alert.NextStep{Kind: "renew"}
	}
	if e.Evidence != "" {
		n.Phase, n.Next = alert.Resolved, alert.NextStep{Kind: "none"}
	}
	return n
}

func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
