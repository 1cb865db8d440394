package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/gather"
)

// bundle is what goes out by one way in one message.
type bundle struct {
	way     activities.Way
	parcels []int // in the batch
}

// mailing is a batch on its way.
type mailing struct {
	*inbox
	parcels []activities.Parcel
	results []Delivered
	spare   []activities.Way // ways that nobody took yet
}

// send begins what is due; it does not block.
func (i *inbox) send(ctx workflow.Context, t gather.Turn) {
	var gone []string
	for _, batch := range t.Batches {
		m := &mailing{inbox: i}
		for _, n := range batch {
			p := i.Waiting[n]
			m.parcels = append(m.parcels, p)
			m.results = append(m.results, Delivered{Alert: p.Notice.AlertID, Number: p.Number, To: p.To.ID})
			gone = append(gone, p.Notice.Key)
			for _, w := range p.Others {
				if !slices.Contains(m.spare, w) {
					m.spare = append(m.spare, w)
				}
			}
		}
		first := m.parcels[0].Notice
		i.Gather.Went(workflow.Now(ctx), first.Severity, first.Reason, len(batch))
		i.busy++
		workflow.GoNamed(ctx, fmt.Sprintf("tell %d", len(batch)), func(ctx workflow.Context) {
			m.deliverAll(ctx)
			m.reportAll(ctx)
			i.busy--
			i.changes++
		})
	}
	i.Waiting = slices.DeleteFunc(i.Waiting, func(p activities.Parcel) bool { return slices.Contains(gone, p.Notice.Key) })
	i.Taken = append(i.Taken, gone...)
	i.Taken = slices.Clone(i.Taken[max(0, len(i.Taken)-keepTaken):])
}

// bundles groups a batch by the ways that lead to the contact.
func (m *mailing) bundles() []bundle {
	var out []bundle
	for n, p := range m.parcels {
		for _, w := range p.Ways {
			i := slices.IndexFunc(out, func(b bundle) bool { return b.way == w })
			if i < 0 {
				i, out = len(out), append(out, bundle{way: w})
			}
			out[i].parcels = append(out[i].parcels, n)
		}
	}
	m.spare = slices.DeleteFunc(m.spare, func(w activities.Way) bool {
		return slices.ContainsFunc(out, func(b bundle) bool { return b.way == w })
	})
	return out
}

// deliverAll sends by every way in parallel.
func (m *mailing) deliverAll(ctx workflow.Context) {
	all := m.bundles()
	done := 0
	for _, b := range all {
		workflow.GoNamed(ctx, "deliver by "+b.way.Channel, func(ctx workflow.Context) {
			m.deliver(ctx, b)
			done++
		})
	}
	_ = workflow.Await(ctx, func() bool { return done == len(all) })
}

// deliver sends one message, by its way or by what is left to try: the notice
// itself, or all in one.
func (m *mailing) deliver(ctx workflow.Context, b bundle) {
	first := m.parcels[b.parcels[0]]
	n, sent := first.Notice, first.Receipts
	what := fmt.Sprintf("%s %s", n.Severity, n.Reason)
	var d *Digest
	if len(b.parcels) > 1 {
		d = m.gathered(workflow.Now(ctx).UTC(), b)
		n, sent = d.notice(workflow.Now(ctx).UTC()), nil
		what = fmt.Sprintf("%s and %d others", what, len(b.parcels)-1)
	}
	lost := letters{notice: n}
	for way := b.way; ; {
		var r alert.Receipt
		msg := message(n, first.To, way, sent)
		summary := fmt.Sprintf("%s to %s (%s) by %s", what, first.To.Name, first.To.Role, way.Channel)
		err := workflow.ExecuteActivity(notification(ctx, summary), hands.Deliver, msg).Get(ctx, &r)
		if err == nil {
			m.reached(b, d, r)
			m.keepLost(ctx, lost, r)
			return
		}
		text := lost.add(ctx, msg, err)
		for _, p := range b.parcels {
			m.results[p].Failed = append(m.results[p].Failed, cut(fmt.Sprintf("%s to %s: %s", way.Channel, first.To.ID, text), keepText))
		}
		if len(m.spare) == 0 {
			m.keepLost(ctx, lost)
			return
		}
		way, m.spare = m.spare[0], m.spare[1:]
	}
}

// keepLost has dead letters kept; nobody waits for it.
func (m *mailing) keepLost(ctx workflow.Context, lost letters, receipts ...alert.Receipt) {
	if len(lost.lost) == 0 {
		return
	}
	m.busy++
	workflow.GoNamed(ctx, "dead letters", func(ctx workflow.Context) {
		lost.keep(ctx, receipts)
		m.busy--
		m.changes++
	})
}

// reached notes the receipt for each notice that the message told.
func (m *mailing) reached(b bundle, d *Digest, r alert.Receipt) {
	if d != nil {
		d.Receipts = []alert.Receipt{r}
		m.keep(*d)
		r.Digest = d.ID
	}
	for _, p := range b.parcels {
		m.results[p].Receipts = append(m.results[p].Receipts, r)
		m.results[p].With = len(b.parcels) - 1
	}
}

// reportAll lets the certificates know, some at a time.
func (m *mailing) reportAll(ctx workflow.Context) {
	for at := 0; at < len(m.results); at += toldAbreast {
		var sent []workflow.Future
		for n := at; n < min(at+toldAbreast, len(m.results)); n++ {
			sent = append(sent, workflow.SignalExternalWorkflow(ctx, m.parcels[n].From, "", SignalDelivered, m.results[n]))
		}
		for _, f := range sent {
			_ = f.Get(ctx, nil) // one that was retired meanwhile needs to hear nothing
		}
	}
}
