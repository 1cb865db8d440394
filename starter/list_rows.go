package main

import (
	"context"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/workflows"
)

// row is one certificate of a list, as the index knows it. The JSON names are a
// contract with scripts.
type row struct {
	Name         string    `json:"name"`
	State        string    `json:"state"`
	Severity     string    `json:"severity,omitempty"` // of the most urgent open alert
	Managed      bool      `json:"managed"`
	KeptKey      bool      `json:"keptKey,omitempty"` // its key stays on its host
	NotAfter     time.Time `json:"notAfter,omitzero"`
	NextStepAt   time.Time `json:"nextStepAt,omitzero"`
	Owner        string    `json:"owner,omitempty"`
	Team         string    `json:"team,omitempty"`
	Environment  string    `json:"environment,omitempty"`
	Issuer       string    `json:"issuer,omitempty"`
	Fingerprint  string    `json:"fingerprint,omitempty"`
	KeyAlgorithm string    `json:"keyAlgorithm,omitempty"`
	Names        []string  `json:"names,omitempty"`
	Hosts        []string  `json:"hosts,omitempty"`
}

const pageSize = 1000

// rows asks the index, page by page.
func (c *cli) rows(ctx context.Context, query string) ([]row, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	var out []row
	for token := []byte(nil); ; {
		page, err := c.page(ctx, conn, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: c.config.Temporal.Namespace, Query: query, PageSize: pageSize, NextPageToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, e := range page.GetExecutions() {
			out = append(out, rowOf(e))
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return out, nil
		}
	}
}

func rowOf(e *workflowpb.WorkflowExecutionInfo) row {
	r := row{Name: strings.TrimPrefix(e.GetExecution().GetWorkflowId(), workflows.WorkflowID(""))}
	for name, field := range map[string]any{
		"state": &r.State, "severity": &r.Severity, "owner": &r.Owner, "team": &r.Team, "environment": &r.Environment,
		"issuer": &r.Issuer, "fingerprint": &r.Fingerprint, "keyAlgorithm": &r.KeyAlgorithm,
		"notAfter": &r.NotAfter, "nextStepAt": &r.NextStepAt, "names": &r.Names, "hosts": &r.Hosts,
	} {
		read(e.GetSearchAttributes().GetIndexedFields()[name], field)
	}
	read(e.GetMemo().GetFields()["managed"], &r.Managed)
	read(e.GetMemo().GetFields()[workflows.MemoKeptKey], &r.KeptKey)
	return r
}

// read decodes an attribute; one that was never set, or is of another making, stays empty.
func read(p *commonpb.Payload, field any) {
	if p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, field)
	}
}

func byUrgency(a, b row) int { return alert.ByUrgency(a.standing(), b.standing()) }

func (r row) standing() alert.Standing {
	return alert.Standing{Certificate: r.Name, Severity: alert.Severity(r.Severity), NotAfter: r.NotAfter}
}
