package app

import (
	"context"
	"errors"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/workflows"
)

// everyCertificate finds what is enrolled.
const everyCertificate = "WorkflowType = 'CertificateWorkflow' AND ExecutionStatus = 'Running'"

// fleetPage is how many certificates are looked at in one go.
const fleetPage = 200

// fleet lists what is enrolled, by the engine's index.
type fleet struct {
	client    client.Client
	namespace string
}

// page gives a page of the certificates.
func (f *fleet) page(ctx context.Context, token []byte) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	r, err := f.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: f.namespace, PageSize: fleetPage, NextPageToken: token,
		Query: everyCertificate,
	})
	if err != nil {
		return nil, fault.New(fault.Unavailable, "list the certificates: %w", err)
	}
	return r, nil
}

// Enrolled gives one page of all.
func (f *fleet) Enrolled(ctx context.Context, token []byte) ([]activities.Enrolled, []byte, error) {
	r, err := f.page(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	var out []activities.Enrolled
	for _, x := range r.GetExecutions() {
		e := activities.Enrolled{Name: strings.TrimPrefix(x.GetExecution().GetWorkflowId(), workflows.WorkflowID(""))}
		for name, field := range map[string]any{
			"owner": &e.Owner, "team": &e.Team, "severity": &e.Severity, "keyAlgorithm": &e.KeyAlgorithm, "notAfter": &e.NotAfter, "nextStepAt": &e.NextStepAt, "environment": &e.Environment,
		} {
			remember(x.GetSearchAttributes().GetIndexedFields()[name], field)
		}
		remember(x.GetMemo().GetFields()["managed"], &e.Managed)
		remember(x.GetMemo().GetFields()["live"], &e.Live)
		remember(x.GetMemo().GetFields()[workflows.MemoEndpoints], &e.Endpoints)
		out = append(out, e)
	}
	return out, r.GetNextPageToken(), nil
}

// Managed gives one page. The memos are those that the entities keep up to date.
func (f *fleet) Managed(ctx context.Context, token []byte) ([]activities.Member, []byte, error) {
	r, err := f.page(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	var out []activities.Member
	for _, e := range r.GetExecutions() {
		m := activities.Member{Name: strings.TrimPrefix(e.GetExecution().GetWorkflowId(), workflows.WorkflowID(""))}
		var managed bool
		var told workflows.Suggestion
		fields := e.GetMemo().GetFields()
		remember(fields["managed"], &managed)
		remember(fields["live"], &m.Live)
		remember(fields["window"], &told)
		if !managed || m.Live.Fingerprint == "" {
			continue
		}
		if told.Fingerprint == m.Live.Fingerprint && !told.Window.Equal(cert.Window{}) {
			m.Window = &told.Window
		}
		out = append(out, m)
	}
	return out, r.GetNextPageToken(), nil
}

// remember reads a field of a memo; one that is not there, or that a newer
// version writes otherwise, counts as nothing.
func remember(p *commonpb.Payload, into any) {
	if p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, into)
	}
}

// Observed tells a certificate what a source of the inventory saw. One that was
// retired meanwhile needs to know nothing.
func (f *fleet) Observed(ctx context.Context, name string, seen []cert.Observation) error {
	return f.tell(ctx, name, workflows.SignalObserved, seen, "what was seen")
}

// Elsewhere tells it that somebody asked for its renewal where something else does it.
func (f *fleet) Elsewhere(ctx context.Context, name string, asked activities.AskedElsewhere) error {
	return f.tell(ctx, name, workflows.SignalElsewhere, asked, "who asked for its renewal at "+asked.Place)
}

func (f *fleet) tell(ctx context.Context, name, signal string, in any, what string) error {
	err := f.client.SignalWorkflow(ctx, workflows.WorkflowID(name), "", signal, in)
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		return fault.New(fault.Unavailable, "tell certificate %s %s: %w", name, what, err)
	}
	return nil
}
