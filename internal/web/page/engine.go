package page

import (
	"context"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// Row is one certificate as the index knows it; it may lag seconds behind.
type Row struct {
	Name, State, Severity, Owner, Team, Environment, Issuer, Fingerprint string

	Managed              bool
	NotAfter, NextStepAt time.Time
	Names, Hosts         []string
}

// Engine reaches the certificates through Temporal.
type Engine struct {
	Client    client.Client
	Namespace string
	Gate      *workflows.Gate // what people ask passes it
}

// most is how many certificates a page can list.
const most = 100_000

// List reads the index, a thousand at a time.
func (e Engine) List(ctx context.Context) ([]Row, error) {
	var out []Row
	for token := []byte(nil); ; {
		page, err := e.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: e.Namespace, PageSize: 1000, NextPageToken: token,
			Query: "WorkflowType = 'CertificateWorkflow' AND ExecutionStatus = 'Running'",
		})
		if err != nil {
			return nil, err
		}
		for _, x := range page.GetExecutions() {
			out = append(out, rowOf(x))
		}
		if token = page.GetNextPageToken(); len(token) == 0 || len(out) >= most {
			return out, nil
		}
	}
}

func rowOf(e *workflowpb.WorkflowExecutionInfo) Row {
	r := Row{Name: strings.TrimPrefix(e.GetExecution().GetWorkflowId(), workflows.WorkflowID(""))}
	for name, field := range map[string]any{
		"state": &r.State, "severity": &r.Severity, "owner": &r.Owner, "team": &r.Team, "environment": &r.Environment,
		"issuer": &r.Issuer, "fingerprint": &r.Fingerprint, "notAfter": &r.NotAfter, "nextStepAt": &r.NextStepAt, "names": &r.Names, "hosts": &r.Hosts,
	} {
		read(e.GetSearchAttributes().GetIndexedFields()[name], field)
	}
	read(e.GetMemo().GetFields()["managed"], &r.Managed)
	return r
}

// read decodes an attribute; one that was never set stays empty.
func read(p *commonpb.Payload, field any) {
	if p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, field)
	}
}

// Status asks a certificate.
func (e Engine) Status(ctx context.Context, name string) (workflows.Status, error) {
	var s workflows.Status
	v, err := e.Client.QueryWorkflow(ctx, workflows.WorkflowID(name), "", workflows.QueryStatus)
	if err != nil {
		return s, missing(err)
	}
	if err := v.Get(&s); err != nil {
		return s, err
	}
	_ = s.AskRollout(ctx, e.Client) // one that does not answer leaves the rest as it is
	return s, nil
}

// Approve is as Acknowledge.
func (e Engine) Approve(ctx context.Context, name string, in workflows.DecideRequest) error {
	_, err := e.Gate.Decide(ctx, workflows.Approve, time.Now(), name, in)
	return err
}

// Deny is as Acknowledge.
func (e Engine) Deny(ctx context.Context, name string, in workflows.DecideRequest) error {
	_, err := e.Gate.Decide(ctx, workflows.Deny, time.Now(), name, in)
	return err
}

// Acknowledge sends the update and waits until it was taken or refused.
func (e Engine) Acknowledge(ctx context.Context, name string, in workflows.AcknowledgeRequest) error {
	_, err := workflows.Acknowledge.Ask(ctx, e.Gate, name, in)
	return err
}

// LeaveAcknowledge sends the signal.
func (e Engine) LeaveAcknowledge(ctx context.Context, name string, in workflows.AcknowledgeRequest) error {
	if _, err := e.Gate.Let(ctx, name, people.Acknowledge, in.Request); err != nil {
		return err
	}
	return e.Client.SignalWorkflow(ctx, workflows.WorkflowID(name), "", workflows.SignalAcknowledge, in)
}

// Snooze is as Acknowledge.
func (e Engine) Snooze(ctx context.Context, name string, in workflows.SnoozeRequest) error {
	_, err := workflows.Snooze.Ask(ctx, e.Gate, name, in)
	return err
}

// ObserveNow is as Acknowledge.
func (e Engine) ObserveNow(ctx context.Context, name string, in workflows.Request) error {
	_, err := workflows.ObserveNow.Ask(ctx, e.Gate, name, in)
	return err
}

// RenewNow is as Acknowledge.
func (e Engine) RenewNow(ctx context.Context, name string, in workflows.RenewRequest) error {
	_, err := workflows.RenewNow.Ask(ctx, e.Gate, name, in)
	return err
}

// TakeOver is as Acknowledge.
func (e Engine) TakeOver(ctx context.Context, name string, in workflows.TakeOverRequest) error {
	_, err := workflows.TakeOver.Ask(ctx, e.Gate, name, in)
	return err
}

// Reassign is as Acknowledge.
func (e Engine) Reassign(ctx context.Context, name string, in workflows.ReassignRequest) error {
	_, err := workflows.Reassign.Ask(ctx, e.Gate, name, in)
	return err
}

// Handover asks the handover of what a person leaves behind.
func (e Engine) Handover(ctx context.Context, person string) (workflows.HandoverStatus, error) {
	return workflows.AskHandover(ctx, e.Client, person)
}

// Handovers asks each that is under way.
func (e Engine) Handovers(ctx context.Context) ([]workflows.HandoverStatus, error) {
	return workflows.AskHandovers(ctx, e.Client, e.Namespace)
}

// AnswerHandover sends the update and waits until it was taken or refused.
func (e Engine) AnswerHandover(ctx context.Context, person string, in workflows.HandoverAnswerRequest) error {
	_, err := workflows.AnswerHandover(ctx, e.Client, person, in)
	return err
}

// ConfirmChannel sends the update to the workflow of a channel.
func (e Engine) ConfirmChannel(ctx context.Context, name string, in workflows.Request) error {
	_, err := workflows.ConfirmChannel(ctx, e.Client, name, in)
	return err
}
