package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
)

// letters gathers the messages of one notice that were given up.
type letters struct {
	notice alert.Notice
	lost   []delivery.Undelivered
}

// add takes in that a channel finally did not take a message, and gives the
// cause in words.
func (l *letters) add(ctx workflow.Context, m alert.Message, err error) string {
	f, text := activities.FailureOf(err)
	u := letterOf(l.notice, m.DedupKey, workflow.Now(ctx), cut(text, keepText))
	u.To, u.Channel, u.Kind, u.Address, u.About = m.To.ID, m.Channel, m.Kind, m.Address, delivery.Channel
	switch {
	case f.Address:
		u.About = delivery.Address
	case f.Silent:
		u.About = delivery.Worker
	case f.Kind == activities.Invalid:
		u.About = delivery.Message
	}
	l.lost = append(l.lost, u)
	return text
}

// all gives the dead letters, with who got the notice all the same.
func (l *letters) all(receipts []alert.Receipt) []delivery.Undelivered {
	for i := range l.lost {
		for _, r := range receipts {
			if !r.Copy {
				l.lost[i].Instead = append(l.lost[i].Instead, r.To+" by "+r.Channel)
			}
		}
	}
	return l.lost
}

// keep has the dead letters kept at once, for workflows that have no journal.
func (l *letters) keep(ctx workflow.Context, receipts []alert.Receipt) {
	if lost := l.all(receipts); len(lost) > 0 && patched(ctx, keepsDeadLetters) {
		_ = workflow.ExecuteActivity(recording(ctx, "keep what did not arrive"), hands.Undelivered, lost).Get(ctx, nil)
	}
}

func letterOf(n alert.Notice, key string, at time.Time, why string) delivery.Undelivered {
	return delivery.Undelivered{
		ID: delivery.ID(key), At: at.UTC(), Certificate: n.Certificate, Alert: n.AlertID, Severity: n.Severity, Reason: n.Reason, Why: why,
	}
}

// nobodyTold is the dead letter of a notice that could be sent to nobody.
func nobodyTold(ctx workflow.Context, n alert.Notice, why string) delivery.Undelivered {
	u := letterOf(n, n.Key+"/nobody", workflow.Now(ctx), cut(why, keepText))
	u.About = delivery.Nobody
	return u
}

// keepLost bounds the dead letters that wait for the store, as keepUnread does
// journal entries.
const keepLost = 50

// lost puts dead letters on their way; the journal takes them along.
func (c *certificate) lost(all []delivery.Undelivered) {
	c.Undelivered = append(c.Undelivered, all...)
	c.Undelivered = c.Undelivered[max(0, len(c.Undelivered)-keepLost):]
}
