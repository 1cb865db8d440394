package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/workflows"
)

// switchboard reaches the workflows that look after channels.
type switchboard struct {
	client   client.Client
	config   func() config.Config
	channels func() []activities.Channeled
}

// kinds are those of the channels that are configured, by name; none where nobody
// in particular reads it.
func (s *switchboard) kinds() map[string]string {
	out := map[string]string{}
	for _, ch := range s.channels() {
		if out[ch.Name] = ch.Kind; ch.LastResort {
			out[ch.Name] = ""
		}
	}
	return out
}

// Report tells the workflow of a channel what became of a message; it is started
// if there is none. What was sent by a channel that is configured no more is
// nobody's concern.
func (s *switchboard) Report(ctx context.Context, channel string, n activities.ChannelNews) error {
	if _, ok := s.kinds()[channel]; !ok {
		return nil
	}
	return s.signal(ctx, channel, workflows.SignalNews, n)
}

func (s *switchboard) signal(ctx context.Context, channel, name string, arg any) error {
	options := client.StartWorkflowOptions{
		ID: workflows.ChannelID(channel), TaskQueue: s.config().Temporal.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "does channel " + channel + " work, and does anybody read it?",
	}
	if _, err := s.client.SignalWithStartWorkflow(ctx, options.ID, name, arg, options, "ChannelWorkflow", workflows.Channel{Name: channel, Plan: s.plan(channel)}); err != nil {
		return fault.New(fault.Unavailable, "the workflow of channel %s cannot be told: %w", channel, err)
	}
	return nil
}

// plan is what is configured about a channel. One that reaches nobody in
// particular has nothing to prove.
func (s *switchboard) plan(channel string) workflows.ChannelPlan {
	d := s.config().Delivery
	p := workflows.ChannelPlan{Kind: s.kinds()[channel]}
	if p.Kind != "" {
		p.Proof = delivery.Plan{Every: d.ProofOfLife, Within: d.ProofWithin, To: d.ProofTo}
	}
	return p
}

// planAll gives every channel what is configured, and ends the workflows of those
// that are not any more. Every worker does it at its start, to the same effect.
func (s *switchboard) planAll(ctx context.Context) error {
	for name := range s.kinds() {
		if err := s.signal(ctx, name, workflows.SignalPlan, s.plan(name)); err != nil {
			return err
		}
	}
	running, err := s.running(ctx)
	if err != nil {
		return err
	}
	for _, name := range running {
		if _, ok := s.kinds()[name]; ok {
			continue
		}
		if err := s.client.SignalWorkflow(ctx, workflows.ChannelID(name), "", workflows.SignalPlan, workflows.ChannelPlan{Gone: true}); err != nil {
			return fmt.Errorf("channel %s is configured no more, and its workflow cannot be told: %w", name, err)
		}
	}
	return nil
}

// running lists the channels that have a workflow on our task queue.
func (s *switchboard) running(ctx context.Context) ([]string, error) {
	out, err := running(ctx, s.client, s.config().Temporal, "ChannelWorkflow", workflows.ChannelID(""))
	if err != nil {
		return nil, fmt.Errorf("list the channels: %w", err)
	}
	return out, nil
}

// running lists the workflows of a type on our task queue, by what their IDs say
// after a prefix.
func running(ctx context.Context, c client.Client, t config.Temporal, kind, prefix string) ([]string, error) {
	var out []string
	for token := []byte(nil); ; {
		r, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: t.Namespace, NextPageToken: token,
			Query: "WorkflowType = '" + kind + "' AND ExecutionStatus = 'Running' AND TaskQueue = '" + t.TaskQueue + "'",
		})
		if err != nil {
			return nil, err
		}
		for _, e := range r.GetExecutions() {
			out = append(out, strings.TrimPrefix(e.GetExecution().GetWorkflowId(), prefix))
		}
		if token = r.GetNextPageToken(); len(token) == 0 {
			slices.Sort(out)
			return out, nil
		}
	}
}
