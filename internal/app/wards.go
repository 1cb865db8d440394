package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// itself is who asks where nobody does.
const itself = "neverlapse"

// wards reaches many certificates through the engine.
type wards struct {
	client    client.Client
	namespace string
}

// Page lists by the engine's index.
func (w *wards) Page(ctx context.Context, owner string, token []byte) ([]activities.Ward, []byte, error) {
	query := "WorkflowType = 'CertificateWorkflow' AND ExecutionStatus = 'Running'"
	if owner != "" {
		query += " AND `owner` = '" + strings.ReplaceAll(owner, "'", "''") + "'"
	}
	r, err := w.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: w.namespace, PageSize: fleetPage, NextPageToken: token, Query: query,
	})
	if err != nil {
		return nil, nil, fault.New(fault.Unavailable, "list the certificates: %w", err)
	}
	var out []activities.Ward
	for _, e := range r.GetExecutions() {
		x := activities.Ward{Name: strings.TrimPrefix(e.GetExecution().GetWorkflowId(), workflows.WorkflowID(""))}
		var carried workflows.Carried
		remember(e.GetMemo().GetFields()[workflows.MemoPolicy], &carried)
		x.Policy, x.PolicyHash = carried.Name, carried.Hash
		fields := e.GetSearchAttributes().GetIndexedFields()
		remember(fields["owner"], &x.Owner)
		remember(fields["team"], &x.Team)
		remember(fields["severity"], &x.Severity)
		remember(fields["notAfter"], &x.NotAfter)
		out = append(out, x)
	}
	return out, r.GetNextPageToken(), nil
}

// SetPolicy sends the update.
func (w *wards) SetPolicy(ctx context.Context, name, requestID string, policy json.RawMessage) (bool, error) {
	var p lifecycle.Policy
	if err := json.Unmarshal(policy, &p); err != nil {
		return false, fault.New(fault.Invalid, "policy: %w", err)
	}
	r := workflows.Request{ID: requestID, By: itself, Via: "configuration"}
	out, err := workflows.SetPolicy.Call(ctx, w.client, name, workflows.SetPolicyRequest{Request: r, Policy: p})
	return out.Changed, refusedOr(name, err)
}

// Reassign sends the update.
func (w *wards) Reassign(ctx context.Context, x activities.Ward, requestID string, h activities.Handing) (bool, error) {
	r := workflows.Request{ID: requestID, By: h.By, Via: h.Via, Note: h.Note, Of: &lifecycle.Ownership{Owner: h.Person, Team: x.Team}}
	_, err := workflows.Reassign.Call(ctx, w.client, x.Name, workflows.ReassignRequest{Request: r, Owner: h.Owner, Team: h.Team, TeamAlone: h.TeamAlone})
	return err == nil, refusedOr(x.Name, err)
}

// refusedOr names the kind of what became of an update: one that is not there
// any more needs nothing.
func refusedOr(name string, err error) error {
	var refusal lifecycle.Refusal
	switch {
	case err == nil, errors.Is(err, workflows.ErrNotEnrolled):
		return nil
	case errors.As(err, &refusal):
		return fault.New(fault.Invalid, "%w", err)
	}
	return fault.New(fault.Unavailable, "%w", fmt.Errorf("%s: %w", name, err))
}
