package app

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/workflows"
)

// inboxes reaches the workflows that keep what waits for people.
type inboxes struct {
	client client.Client
	queue  string
}

// Post puts a notice into an inbox; it is started if there is none.
func (b *inboxes) Post(ctx context.Context, p activities.Parcel) error {
	options := client.StartWorkflowOptions{
		ID: workflows.InboxID(p.To.ID), TaskQueue: b.queue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "what waits for " + p.To.ID,
	}
	if _, err := b.client.SignalWithStartWorkflow(ctx, options.ID, workflows.SignalPosted, p, options, "InboxWorkflow", workflows.Inbox{To: p.To.ID}); err != nil {
		return fault.New(fault.Unavailable, "the inbox of %s cannot be reached: %w", p.To.ID, err)
	}
	return nil
}
