package harness

import (
	"context"
	"crypto/rand"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/neverlapse/neverlapse/internal/engine"
)

// newNamespace makes a namespace on a shared engine.
func newNamespace(o Options) (string, error) {
	address := o.Upstream
	if address == "" {
		address = o.Engine
	}
	name := "world-" + rand.Text()[:10]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return name, MakeNamespace(ctx, address, name)
}

// MakeNamespace makes a namespace with our search attributes.
func MakeNamespace(ctx context.Context, address, name string) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: address, Namespace: name, Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		return err
	}
	err = WaitFor(ctx, "the namespace to be known", func() (bool, error) {
		_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: name, SearchAttributes: engine.SearchAttributes()})
		return err == nil, err
	})
	if err != nil {
		return err
	}
	return WaitFor(ctx, "the search attributes to be known", func() (bool, error) {
		_, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: name, Query: "state = 'healthy'"})
		return err == nil, err
	})
}
