package workflows

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// QueryRollout asks a running renewal or deployment how far it is; the answer is
// a lifecycle.Rollout. Status.Run names whom to ask.
const QueryRollout = "rollout"

// AskRollout fills in how far the run is that is under way; nothing where none
// is, or where it has not begun to roll out.
func (s *Status) AskRollout(ctx context.Context, c client.Client) error {
	if s.Run == "" {
		return nil
	}
	v, err := c.QueryWorkflow(ctx, s.Run, "", QueryRollout)
	if err != nil {
		return err
	}
	var out lifecycle.Rollout
	if err := v.Get(&out); err != nil || out.Version == "" {
		return err
	}
	s.Running = &out
	return nil
}

// doing says what the batch is about, to whoever looks.
func (r *renewal) doing(ctx workflow.Context, what lifecycle.Doing) {
	r.record.Doing = what
	r.tell(ctx, fmt.Sprintf("batch %d of %d, %s %s", r.batch, r.batch+len(r.rest), strings.ReplaceAll(string(what), "-", " "), r.version.Fingerprint.Short()))
}

func (r *renewal) tell(ctx workflow.Context, what string) {
	lines := []string{fmt.Sprintf("**%s** of %s, attempt %d: %s", r.in.Purpose, code(r.in.Name), r.in.Attempt, what), ""}
	if r.record != nil {
		lines = append(lines, rolloutLines(r.standing())...)
	}
	workflow.SetCurrentDetails(ctx, strings.Join(lines, "\n"))
}

// standing is how far the rollout is; empty before it begins.
func (r *renewal) standing() lifecycle.Rollout {
	if r.record == nil {
		return lifecycle.Rollout{Purpose: lifecycle.Purpose(r.in.Purpose), Began: r.began}
	}
	out := *r.record
	out.Purpose, out.ByHand = lifecycle.Purpose(r.in.Purpose), r.in.ByHand
	out.Batch, out.Batches = r.batch, r.batch+len(r.rest)
	out.Targets = nil
	for _, p := range r.places {
		out.Targets = append(out.Targets, lifecycle.Stop{Target: p.target, Host: p.host.name, Batch: p.batch, Canary: p.canary, Stage: p.at, Since: p.since, Cause: cut(p.cause, keepText)})
	}
	return out
}

// ended is what the certificate keeps of it; nil if nothing was rolled out.
func (r *renewal) ended(ctx workflow.Context) *lifecycle.Rollout {
	if len(r.places) == 0 {
		return nil
	}
	out := r.standing()
	out.Ended, out.Doing = workflow.Now(ctx), ""
	return &out
}

// see keeps the latest look at every place.
func (r *renewal) see(seen []cert.Observation) {
	r.seen = slices.Concat(slices.DeleteFunc(r.seen, func(o cert.Observation) bool {
		return slices.ContainsFunc(seen, func(n cert.Observation) bool { return n.Where() == o.Where() })
	}), seen)
}

// rolloutInWords says how a rollout ended.
func rolloutInWords(r lifecycle.Rollout) string {
	text := fmt.Sprintf("rollout of %s in %d batches: %s at %s", code(r.Version.Short()), r.Batches, r.Outcome, clock(r.Ended))
	switch {
	case r.Undone:
		text += fmt.Sprintf("; **undone** after batch %d: %s", r.Failed, code(r.Why))
	case r.Failed > 0:
		text += fmt.Sprintf("; stopped after batch %d: %s", r.Failed, code(r.Why))
	}
	return text
}

// rolloutLines are the targets of a rollout, batch by batch, as Markdown.
func rolloutLines(o lifecycle.Rollout) []string {
	var out []string
	for n := 1; n <= o.Batches; n++ {
		for i, t := range o.Targets {
			if t.Batch != n {
				continue
			}
			if o.Batches > 1 && !slices.ContainsFunc(o.Targets[:i], func(x lifecycle.Stop) bool { return x.Batch == n }) {
				out = append(out, fmt.Sprintf("- batch %d%s", n, map[bool]string{true: ", the canary"}[t.Canary]))
			}
			line := fmt.Sprintf("target %s: %s", code(t.Where()), t.Stage)
			if !t.Since.IsZero() {
				line += " since " + clock(t.Since)
			}
			if t.Cause != "" {
				line += ": " + code(t.Cause)
			}
			out = append(out, strings.Repeat("  ", min(1, o.Batches-1))+"- "+line)
		}
	}
	return out
}
