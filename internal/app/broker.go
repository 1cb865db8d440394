package app

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/workflows"
)

// broker reaches the workflows that keep the accounts of CAs.
type broker struct {
	client client.Client
	queue  string
}

func (b *broker) start(ca, account string) (client.StartWorkflowOptions, workflows.Account) {
	return client.StartWorkflowOptions{
		ID: workflows.AccountID(ca, account), TaskQueue: b.queue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            fmt.Sprintf("the budget of account %s at CA %s", account, ca),
	}, workflows.Account{CA: ca, Name: account}
}

// Ask asks for a lease; the account's workflow is started if there is none.
func (b *broker) Ask(ctx context.Context, ca, account string, r budget.Request) (budget.Grant, error) {
	options, first := b.start(ca, account)
	h, err := b.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: b.client.NewWithStartWorkflowOperation(options, "AccountWorkflow", first),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: options.ID, UpdateName: workflows.UpdateLease, Args: []any{r}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	var g budget.Grant
	if err == nil {
		err = h.Get(ctx, &g)
	}
	if err != nil {
		return budget.Grant{}, fault.New(fault.Unavailable, "the budget of account %s at CA %s cannot be asked: %w", account, ca, err)
	}
	return g, nil
}

// Report tells how an order ended.
func (b *broker) Report(ctx context.Context, ca, account string, r activities.Report) error {
	options, first := b.start(ca, account)
	if _, err := b.client.SignalWithStartWorkflow(ctx, options.ID, workflows.SignalReport, r, options, "AccountWorkflow", first); err != nil {
		return fault.New(fault.Unavailable, "account %s at CA %s cannot be told: %w", account, ca, err)
	}
	return nil
}
