package workflows

import (
	"reflect"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// Status is what the query tells: the state, and what comes next.
type Status struct {
	State    lifecycle.State      `json:"state"`
	Summary  lifecycle.Attributes `json:"summary"`
	Upcoming []lifecycle.Event    `json:"upcoming,omitempty"`
	Plan     lifecycle.Plan       `json:"plan"`
	Details  string               `json:"details"` // Markdown, as the Temporal Web UI shows it
	Unread   int                  `json:"unread"`  // journal entries not yet written
	Runs     int                  `json:"runs"`
	At       time.Time            `json:"at"` // of the latest decision
	// Run is the ID of the renewal or deployment that is under way. How far it is
	// only that one knows: AskRollout fills Running in.
	Run     string             `json:"run,omitempty"`
	Running *lifecycle.Rollout `json:"running,omitempty"`
}

// show tells the Web UI and visibility where the certificate stands when all that
// was due is begun; what has not changed is not sent.
func (c *certificate) show(ctx workflow.Context, d lifecycle.Decision) {
	workflow.SetCurrentDetails(ctx, c.details(workflow.Now(ctx), d))
	first, live := c.shown.State == "", c.shown.Fingerprint != d.Attributes.Fingerprint
	if !reflect.DeepEqual(c.shown, d.Attributes) {
		c.shown = d.Attributes
		_ = workflow.UpsertTypedSearchAttributes(ctx, SearchAttributes(d.Attributes)...)
	}
	if first || live || c.respecced {
		c.respecced = false
		memo := map[string]any{"live": c.State.Live, MemoEndpoints: c.State.Spec.Endpoints, "managed": c.State.Spec.Managed}
		if s := c.State.Spec; s.PolicyHash != "" {
			memo[MemoPolicy] = Carried{s.Policy.Name, s.PolicyHash}
		}
		if kept := c.State.Spec.CSR != nil; kept || c.keptKey {
			c.keptKey, memo[MemoKeptKey] = kept, kept
		}
		_ = workflow.UpsertMemo(ctx, memo)
	}
	c.advise(ctx)
}

func (c *certificate) status() Status {
	s := c.State.Clone()
	out := Status{State: s, Summary: c.last.Attributes, Upcoming: lifecycle.Upcoming(c.lastAt, s), Details: c.details(c.lastAt, c.last), Unread: len(c.Unread), Runs: c.Runs, At: c.lastAt, Run: c.child}
	if s.Live.Fingerprint != "" {
		out.Plan = s.Plan()
	}
	return out
}
