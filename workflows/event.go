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

// Event is something about a CA that people are told once, however many
// certificates it is about, and again daily while it lasts.
type Event struct {
	Reason   alert.Reason    `json:"reason"`
	Severity alert.Severity  `json:"severity"`
	Cause    string          `json:"cause"`
	Since    time.Time       `json:"since"`
	NextAt   time.Time       `json:"nextAt,omitzero"` // when it is told next
	Receipts []alert.Receipt `json:"receipts,omitempty"`
	Evidence string          `json:"evidence,omitempty"` // what closed it; the messages do not say so yet
}

// eventRepeat is between two notices of an event, and eventRetry follows one that reached nobody.
const (
	eventRepeat = 24 * time.Hour
	eventRetry  = 10 * time.Minute
)

// raise opens an event, or gives an open one its latest cause.
func (a *account) raise(e Event, now time.Time) {
	for i := range a.Alerts {
		if old := &a.Alerts[i]; old.Reason == e.Reason && old.Evidence == "" {
			old.Cause = e.Cause
			return
		}
	}
	e.NextAt = now
	a.Alerts = append(a.Alerts, e)
	a.changes++
}

// settle closes an event by evidence.
func (a *account) settle(reason alert.Reason, evidence string) {
	for i := range a.Alerts {
		if e := &a.Alerts[i]; e.Reason == reason && e.Evidence == "" {
			e.Evidence = evidence
			a.changes++
		}
	}
}

func (a *account) repeatAt() time.Time {
	var at []time.Time
	for _, e := range a.Alerts {
		at = append(at, e.NextAt)
	}
	return earliest(at...)
}

// tellAll tells what is due, and takes back what is over.
func (a *account) tellAll(ctx workflow.Context) {
	if a.telling > 0 {
		return
	}
	now := workflow.Now(ctx)
	for _, e := range slices.Clone(a.Alerts) {
		if e.Evidence == "" && now.Before(e.NextAt) {
			continue
		}
		a.telling++
		a.Told++
		n := a.notice(now, e)
		workflow.GoNamed(ctx, "tell "+string(e.Reason), func(ctx workflow.Context) {
			if e.Evidence == "" {
				a.announce(ctx, n, e)
			} else {
				a.takeBack(ctx, n, e)
			}
			a.telling--
			a.changes++
		})
	}
}

// notice gathers what a message about a CA tells; the certificates that wait for
// it stand in the place of names.
func (a *account) notice(now time.Time, e Event) alert.Notice {
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

// announce tells the catch-all: a CA belongs to no certificate's owner.
func (a *account) announce(ctx workflow.Context, n alert.Notice, told Event) {
	q := activities.AddressInput{Question: people.Question{At: n.At}, About: alert.Traits{Severity: n.Severity}, Reach: n.Reach, Last: true}
	got := announce(ctx, n, q, "the catch-all")
	for i := range a.Alerts {
		if e := &a.Alerts[i]; e.Reason == told.Reason && e.Since.Equal(told.Since) { // it may be over by now
			e.Receipts = append(e.Receipts, got...)
			e.NextAt = workflow.Now(ctx).Add(eventRepeat)
			if !alert.Reached(got) {
				e.NextAt = workflow.Now(ctx).Add(eventRetry)
			}
		}
	}
}

// takeBack brings the messages of an event that is over up to date.
func (a *account) takeBack(ctx workflow.Context, n alert.Notice, e Event) {
	showOver(ctx, n, e.Receipts)
	a.Alerts = slices.DeleteFunc(a.Alerts, func(x Event) bool { return x.Reason == e.Reason && x.Evidence != "" })
}
