package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// What is kept while the store is out of reach must fit into the state that one
// run hands to the next: so many entries, of so many bytes.
const (
	keepUnread = 300
	keepText   = 1500
)

// writeAtOnce bounds one write, and journalPause is between a failed one and the next.
const (
	writeAtOnce  = 100
	journalPause = 5 * time.Minute
)

// entry is a journal entry before it has a number and a time.
type entry cert.Entry

// note puts an entry on the way to the journal.
func (c *certificate) note(ctx workflow.Context, e entry) {
	c.Sequence++
	e.Sequence, e.At = c.Sequence, workflow.Now(ctx).UTC()
	e.Text, e.Note = cut(e.Text, keepText), cut(e.Note, keepText)
	c.Unread = append(c.Unread, cert.Entry(e))
	c.Unread = c.Unread[max(0, len(c.Unread)-keepUnread):]
}

func (c *certificate) unwritten(ctx workflow.Context) activities.RecordInput {
	return c.recorded(ctx, c.Unread[:min(len(c.Unread), writeAtOnce)])
}

func (c *certificate) recorded(ctx workflow.Context, entries []cert.Entry) activities.RecordInput {
	return activities.RecordInput{
		Name: c.State.Spec.Name, Entries: slices.Clone(entries), Undelivered: slices.Clone(c.Undelivered), Snapshot: c.snapshot(workflow.Now(ctx)),
	}
}

// snapshot is how the certificate stands, for the store; nil if it has that. What
// the activity answers is what counts: of an older worker nothing is kept, and the
// next write tries again.
func (c *certificate) snapshot(now time.Time) *cert.Snapshot {
	n := SnapshotOf(now, c.State)
	if n.Sequence = c.Sequence; digest(n) == c.Kept {
		return nil
	}
	return &n
}

// SnapshotOf is what is kept of a certificate beside the engine, but for its Sequence.
func SnapshotOf(now time.Time, s lifecycle.State) cert.Snapshot {
	kept, err := json.Marshal(s.Kept())
	if err != nil {
		panic(err) // it is the argument of every run
	}
	return cert.Snapshot{At: now.UTC(), Owner: s.Spec.Owner, Team: s.Spec.Team, NotAfter: s.Live.NotAfter, State: kept}
}

func digest(n cert.Snapshot) string {
	sum := sha256.Sum256(n.State)
	return hex.EncodeToString(sum[:8])
}

func (c *certificate) written(in activities.RecordInput, out activities.Recorded) {
	if out.Snapshot {
		c.Kept = digest(*in.Snapshot)
	}
	last := in.Entries[len(in.Entries)-1].Sequence
	c.Unread = slices.DeleteFunc(c.Unread, func(e cert.Entry) bool { return e.Sequence <= last })
	c.Undelivered = slices.DeleteFunc(c.Undelivered, func(u delivery.Undelivered) bool {
		return slices.ContainsFunc(in.Undelivered, func(w delivery.Undelivered) bool { return w.ID == u.ID })
	})
}

// unrecorded reports whether entries wait to be written. Of many certificates
// that begin at once, each writes once: when it was seen.
func (c *certificate) unrecorded() bool {
	begins := c.State.Import != nil && c.State.Sight.At.IsZero() && c.State.Retire == nil
	return len(c.Unread) > 0 && !c.recording && !begins
}

// record writes what is unread; at most one write at a time, and a failed one is
// not repeated at once. A write that leaves nothing to do changes no decision.
func (c *certificate) record(ctx workflow.Context) {
	if !c.unrecorded() || workflow.Now(ctx).Before(c.recordAt) {
		return
	}
	c.recording = true
	in := c.unwritten(ctx)
	workflow.GoNamed(ctx, "journal", func(ctx workflow.Context) {
		var out activities.Recorded
		err := workflow.ExecuteActivity(recording(ctx, "write the journal: "+kinds(in.Entries)), hands.Record, in).Get(ctx, &out)
		c.recordAt = time.Time{}
		if err == nil {
			c.written(in, out)
		} else {
			c.recordAt = workflow.Now(ctx).Add(journalPause)
		}
		c.recording = false
		if c.Shown == nil || len(c.Unread) > 0 {
			c.changed()
			return
		}
		workflow.SetCurrentDetails(ctx, c.details(workflow.Now(ctx), c.last))
	})
}

// recordHanded writes what the run before left, within the first task: it came
// with the argument of this run, so no repeated task gives its numbers to
// something else. What does not end well here is left to record.
func (c *certificate) recordHanded(ctx workflow.Context, left []cert.Entry) {
	if c.Shown == nil || len(left) == 0 || len(left) > writeAtOnce {
		return
	}
	in := c.recorded(ctx, left)
	var out activities.Recorded
	if workflow.ExecuteLocalActivity(inTask(ctx, "write the journal: "+kinds(in.Entries)), hands.Record, in).Get(ctx, &out) == nil {
		c.written(in, out)
	}
}

// kinds names what entries are about; their texts may be a stranger's.
func kinds(entries []cert.Entry) string {
	var out []string
	for _, e := range entries {
		if !slices.Contains(out, e.Kind) {
			out = append(out, e.Kind)
		}
	}
	return strings.Join(out, ", ")
}
