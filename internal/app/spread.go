package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/workflows"
)

// spreadPolicies has the certificates carry the policies that are in force, if
// the last ones that were spread are others. Of several workers with the same
// configuration the first does it.
func (a *App) spreadPolicies(ctx context.Context) (time.Duration, error) {
	all, digest, err := policiesOf(a.inForce.config())
	if err != nil {
		return 0, err
	}
	last, err := a.client.DescribeWorkflowExecution(ctx, workflows.PoliciesID, "")
	if _, none := errors.AsType[*serviceerror.NotFound](err); err != nil && !none {
		return 0, err
	}
	var before string
	info := last.GetWorkflowExecutionInfo()
	remember(info.GetMemo().GetFields()[workflows.MemoPolicies], &before)
	done := info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	if done && before == digest {
		return 0, nil
	}
	_, err = a.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.PoliciesID, TaskQueue: a.config.Temporal.TaskQueue, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, Memo: map[string]any{workflows.MemoPolicies: digest},
		StaticSummary: "certificates carry the policies of the configuration",
	}, "PoliciesWorkflow", workflows.PoliciesInput{Policies: all})
	return 0, err
}

func policiesOf(c config.Config) (all []activities.ChangedPolicy, digest string, err error) {
	sum := sha256.New()
	for _, p := range c.Policies {
		text, err := json.Marshal(p)
		if err != nil {
			return nil, "", err
		}
		sum.Write(text)
		all = append(all, activities.ChangedPolicy{Name: p.Name, Hash: p.Hash(), JSON: text})
	}
	return all, hex.EncodeToString(sum.Sum(nil)[:8]), nil
}
