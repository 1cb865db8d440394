package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Event is something about a CA or a channel that people are told once, however
// many certificates it is about, and again daily while it lasts.
type Event struct {
	Reason   alert.Reason    `json:"reason"`
	Subject  string          `json:"subject,omitempty"` // what it is about, where there may be several
	Owner    string          `json:"owner,omitempty"`   // person or team whose it is
	Once     bool            `json:"once,omitempty"`    // it is told once, and that is the end of it
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

// teller keeps the events of a workflow told: Alerts and Told are state of it.
type teller struct {
	alerts  *[]Event
	told    *int
	telling int
	changed func()
	notice  func(now time.Time, e Event) alert.Notice
	// readers ask for those who are told, beside the catch-all; nil: nobody.
	readers func(e Event) []people.Question
	// shuns reports whether a channel is not the way; nil: all are.
	shuns func(channel string) bool
}

// raise opens an event, or gives an open one its latest cause.
func (t *teller) raise(e Event, now time.Time) {
	for i := range *t.alerts {
		if old := &(*t.alerts)[i]; old.Reason == e.Reason && old.Subject == e.Subject && old.Evidence == "" {
			old.Cause = e.Cause
			return
		}
	}
	if e.NextAt.IsZero() {
		e.NextAt = now
	}
	*t.alerts = append(*t.alerts, e)
	t.changed()
}

// settle closes the events of a reason by evidence.
func (t *teller) settle(reason alert.Reason, evidence string) {
	t.close(evidence, func(e Event) bool { return e.Reason == reason })
}

// settleAbout closes one of several events of a reason.
func (t *teller) settleAbout(reason alert.Reason, subject, evidence string) {
	t.close(evidence, func(e Event) bool { return e.Reason == reason && e.Subject == subject })
}

func (t *teller) close(evidence string, which func(Event) bool) {
	for i := range *t.alerts {
		if e := &(*t.alerts)[i]; which(*e) && e.Evidence == "" {
			e.Evidence = evidence
			t.changed()
		}
	}
}

// tellNow tells what is due and waits until all were tried.
func (t *teller) tellNow(ctx workflow.Context) error {
	t.tellAll(ctx)
	return workflow.Await(ctx, func() bool { return t.telling == 0 })
}

func (t *teller) repeatAt() time.Time {
	var at []time.Time
	for _, e := range *t.alerts {
		at = append(at, e.NextAt)
	}
	return earliest(at...)
}

// tellAll tells what is due, and takes back what is over.
func (t *teller) tellAll(ctx workflow.Context) {
	if t.telling > 0 {
		return
	}
	now := workflow.Now(ctx)
	for _, e := range slices.Clone(*t.alerts) {
		if e.Evidence == "" && now.Before(e.NextAt) {
			continue
		}
		t.telling++
		*t.told++
		n := t.notice(now, e)
		workflow.GoNamed(ctx, "tell "+string(e.Reason), func(ctx workflow.Context) {
			if e.Evidence == "" {
				t.announce(ctx, n, e)
			} else {
				t.takeBack(ctx, n, e)
			}
			t.telling--
			t.changed()
		})
	}
}

// announce tells the catch-all, for a CA and a channel belong to no certificate's
// owner, and whoever the event is about.
func (t *teller) announce(ctx workflow.Context, n alert.Notice, told Event) {
	var all []activities.Delivery
	about := alert.Traits{Severity: n.Severity}
	q := activities.AddressInput{Question: people.Question{At: n.At}, About: about, Reach: n.Reach, Last: true}
	_ = workflow.ExecuteActivity(quick(ctx, "who is the catch-all now"), hands.Address, q).Get(ctx, &all)
	if t.readers != nil {
		for _, who := range t.readers(told) {
			who.At = n.At
			var more []activities.Delivery
			_ = workflow.ExecuteActivity(quick(ctx, "who is "+roles(who.Roles)+" of "+who.Owner+" now"), hands.Address, activities.AddressInput{Question: who, About: about, Reach: n.Reach}).Get(ctx, &more)
			all = append(all, slices.DeleteFunc(more, func(m activities.Delivery) bool {
				return slices.ContainsFunc(all, func(d activities.Delivery) bool { return d.To.ID == m.To.ID })
			})...)
		}
	}
	got := deliverTo(ctx, n, all, t.shuns)
	for i := range *t.alerts {
		if e := &(*t.alerts)[i]; e.Reason == told.Reason && e.Subject == told.Subject && e.Since.Equal(told.Since) { // it may be over by now
			e.Receipts = append(e.Receipts, got...)
			e.NextAt = workflow.Now(ctx).Add(eventRepeat)
			if !alert.Reached(got) {
				e.NextAt = workflow.Now(ctx).Add(eventRetry)
			}
		}
	}
	if told.Once && alert.Reached(got) {
		t.drop(told)
	}
}

func (t *teller) drop(gone Event) {
	*t.alerts = slices.DeleteFunc(*t.alerts, func(x Event) bool {
		return x.Reason == gone.Reason && x.Subject == gone.Subject && (x.Evidence != "" || gone.Once)
	})
}

// takeBack brings the messages of an event that is over up to date.
func (t *teller) takeBack(ctx workflow.Context, n alert.Notice, e Event) {
	showOver(ctx, n, e.Receipts)
	t.drop(e)
}
