package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// announce tells whoever fills the roles now of something that is about no single
// certificate, each by the first way that takes it.
func announce(ctx workflow.Context, n alert.Notice, q activities.AddressInput, who string) []alert.Receipt {
	var all []activities.Delivery
	_ = workflow.ExecuteActivity(quick(ctx, "who is "+who+" now"), hands.Address, q).Get(ctx, &all)
	return deliverTo(ctx, n, all, nil)
}

// deliverTo sends a notice to each contact by the first way that takes it; shuns
// tells which channels are no way, nil that all are.
func deliverTo(ctx workflow.Context, n alert.Notice, all []activities.Delivery, shuns func(channel string) bool) []alert.Receipt {
	var got []alert.Receipt
	lost := letters{notice: n}
	for _, d := range all {
		for _, way := range append([]activities.Way{d.Way}, d.Others...) {
			if shuns != nil && shuns(way.Channel) {
				continue
			}
			m := alert.Message{Notice: n, To: d.To, Channel: way.Channel, Kind: way.Kind, Address: way.Address, DedupKey: n.Key + "/" + d.To.ID + "/" + way.Channel}
			var r alert.Receipt
			err := workflow.ExecuteActivity(notification(ctx, fmt.Sprintf("%s %s to %s by %s", n.Severity, n.Reason, d.To.ID, way.Channel)), hands.Deliver, m).Get(ctx, &r)
			if err == nil {
				r.Copy = d.Copy
				got = append(got, r)
				break
			}
			lost.add(ctx, m, err)
		}
	}
	lost.keep(ctx, got)
	return got
}

// showOver brings the messages of something that is over up to date.
func showOver(ctx workflow.Context, n alert.Notice, sent []alert.Receipt) {
	for i, r := range sent {
		m := alert.Message{Notice: n, To: people.Contact{ID: r.To, Name: r.To}, Channel: r.Channel, Kind: r.Kind, Address: r.Address, DedupKey: n.Key + "/" + r.To + "/" + r.Channel, InReplyTo: &sent[i]}
		_ = workflow.ExecuteActivity(notification(ctx, fmt.Sprintf("show in the message to %s by %s that it is over", r.To, r.Channel)), hands.Edit, activities.EditInput{Receipt: r, Message: m}).Get(ctx, nil)
	}
}
