package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"
)

// SignalReady carries a Ready from the account's workflow to a certificate that waits for it.
const SignalReady = "ca-ready"

// Ready is the account's word that a CA may be asked again.
type Ready struct {
	CA  string    `json:"ca"`
	At  time.Time `json:"at"` // not before
	Why string    `json:"why"`
}

func (c *certificate) ready(ctx workflow.Context, in Ready) {
	if !c.State.Ready(workflow.Now(ctx), in.CA, in.At) {
		return
	}
	c.note(ctx, entry{Kind: "woken", Text: fmt.Sprintf("CA %s may be asked from %s on: %s", in.CA, clock(in.At), in.Why)})
	c.changed()
}
