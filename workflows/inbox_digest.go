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

// Digest is a message about several alerts, kept up to date while one of them is open.
type Digest struct {
	ID       string           `json:"id"`
	At       time.Time        `json:"at"`
	Severity alert.Severity   `json:"severity"` // of the most urgent when it was sent
	Cause    string           `json:"cause,omitempty"`
	Rows     []alert.Standing `json:"rows"`
	Receipts []alert.Receipt  `json:"receipts"`
	// ChangedAt is when a row changed first that the message does not show yet.
	ChangedAt time.Time `json:"changedAt,omitzero"`
	Editing   bool      `json:"editing,omitempty"`
}

// The bounds of what is kept up to date, and how long changes gather before a
// message is edited.
const (
	keepDigest  = 30 * 24 * time.Hour
	keepDigests = 20
	keepRows    = 2000
	editSettle  = 10 * time.Second
)

// gathered makes one message of a bundle, the most urgent first.
func (m *mailing) gathered(now time.Time, b bundle) *Digest {
	m.Told++
	d := &Digest{ID: alert.DigestID(m.To, fmt.Sprintf("%d-%d", m.Began.Unix(), m.Told)), At: now}
	urgent := -1
	for _, i := range b.parcels {
		n := m.parcels[i].Notice
		row := alert.Standing{Alert: n.AlertID, Certificate: n.Certificate, Severity: n.Severity, Reason: n.Reason, NotAfter: n.Version.NotAfter, Phase: alert.Firing, Seen: n.Standing}
		if n.Phase == alert.Resolved { // of a success nobody is asked anything
			row.Phase = alert.Resolved
		}
		if d.Rows = append(d.Rows, row); urgent < 0 || alert.ByUrgency(row, d.Rows[urgent]) < 0 {
			urgent, d.Cause = len(d.Rows)-1, n.Cause
		}
	}
	d.Severity = d.Rows[urgent].Severity
	slices.SortStableFunc(d.Rows, alert.ByUrgency)
	return d
}

// notice is the message as it should be now.
func (d Digest) notice(now time.Time) alert.Notice {
	n := alert.Notice{
		Key: d.ID, AlertID: d.ID, Phase: alert.Firing, Severity: d.Severity, Reason: alert.Gathered, Reach: alert.Direct, At: now, Cause: d.Cause,
		Summary: &alert.Summary{Whole: len(d.Rows), Rows: slices.Clone(d.Rows)},
	}
	slices.SortStableFunc(n.Summary.Rows, alert.OpenFirst)
	for _, r := range d.Rows {
		if r.Phase != alert.Resolved {
			n.Summary.Open++
		}
	}
	first := n.Summary.Rows[0].Certificate
	n.Summary.Rows = n.Summary.Rows[:min(alert.MaxStanding, len(n.Summary.Rows))]
	if n.Summary.Open == 0 {
		n.Phase, n.Cause = alert.Resolved, ""
		return n
	}
	if slices.ContainsFunc(d.Rows, alert.Standing.Answerable) {
		n.Actions = []alert.Action{alert.ActAckAll}
	}
	n.Commands = []string{"neverlapse list --severity P1,P2,P3,P4", "neverlapse explain " + first, "neverlapse ack " + first + " --note '...'"}
	return n
}

func (d Digest) done() bool { return d.ChangedAt.IsZero() && !d.Editing && d.open() == 0 }

func (d Digest) open() (n int) {
	for _, r := range d.Rows {
		if r.Phase != alert.Resolved {
			n++
		}
	}
	return n
}

// keep has a message kept up to date; the oldest are given up where it is too much.
func (i *inbox) keep(d Digest) {
	i.Digests = append(i.Digests, d)
	rows := 0
	for n := len(i.Digests) - 1; n >= 0; n-- {
		if rows += len(i.Digests[n].Rows); n < len(i.Digests)-1 && (rows > keepRows || len(i.Digests)-n > keepDigests) {
			i.Digests = slices.Clone(i.Digests[n+1:])
			return
		}
	}
}

// change takes in how an alert stands.
func (i *inbox) change(now time.Time, c Change) {
	for n := range i.Digests {
		d := &i.Digests[n]
		if d.ID != c.Digest {
			continue
		}
		for r := range d.Rows {
			if row := &d.Rows[r]; row.Alert == c.Alert {
				row.Phase, row.By = c.Phase, c.By
				if d.ChangedAt.IsZero() {
					d.ChangedAt = now
				}
			}
		}
	}
}

func (i *inbox) settle() time.Duration { return min(editSettle, i.Gather.Rules.P2) }

// refreshAt is when a message is brought up to date; zero if all are.
func (i *inbox) refreshAt() time.Time {
	var at time.Time
	for _, d := range i.Digests {
		if !d.ChangedAt.IsZero() && !d.Editing {
			at = earliest(at, d.ChangedAt.Add(i.settle()))
		}
	}
	return at
}

// refresh begins to bring messages up to date.
func (i *inbox) refresh(ctx workflow.Context) {
	now := workflow.Now(ctx).UTC()
	for n := range i.Digests {
		d := &i.Digests[n]
		if d.ChangedAt.IsZero() || d.Editing || now.Before(d.ChangedAt.Add(i.settle())) {
			continue
		}
		d.ChangedAt, d.Editing = time.Time{}, true
		i.busy++
		shown := *d
		shown.Rows = slices.Clone(d.Rows)
		workflow.GoNamed(ctx, "edit "+d.ID, func(ctx workflow.Context) {
			i.edit(ctx, shown)
			if k := slices.IndexFunc(i.Digests, func(x Digest) bool { return x.ID == shown.ID }); k >= 0 {
				i.Digests[k].Editing = false
			}
			i.busy--
			i.changes++
		})
	}
}

func (i *inbox) edit(ctx workflow.Context, d Digest) {
	n := d.notice(workflow.Now(ctx).UTC())
	if n.Phase == alert.Firing {
		n.Phase = alert.Changed
	}
	n.Key += "/" + string(n.Phase)
	for _, r := range d.Receipts {
		m := message(n, people.Contact{ID: r.To, Name: r.To}, activities.Way{Channel: r.Channel, Kind: r.Kind, Address: r.Address}, d.Receipts)
		summary := fmt.Sprintf("show in the message to %s by %s how its %d certificates stand", r.To, r.Channel, len(d.Rows))
		_ = workflow.ExecuteActivity(notification(ctx, summary), hands.Edit, activities.EditInput{Receipt: r, Message: m}).Get(ctx, nil) // the next change tries again
	}
}
