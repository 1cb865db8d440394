package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

const (
	retention    = 400 * 24 * time.Hour // of closed runs; longer than a year's certificate lives
	cliRetention = 24 * time.Hour       // what the temporal CLI gives its namespaces
	probePeriod  = 50 * time.Millisecond
)

// SearchAttributes are the search attributes that Neverlapse sets on its workflows.
func SearchAttributes() map[string]enums.IndexedValueType {
	m := map[string]enums.IndexedValueType{}
	for _, name := range []string{"state", "severity", "owner", "team", "environment", "issuer", "fingerprint", "keyAlgorithm"} {
		m[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	for _, name := range []string{"notAfter", "nextStepAt"} {
		m[name] = enums.INDEXED_VALUE_TYPE_DATETIME
	}
	for _, name := range []string{"names", "hosts"} {
		m[name] = enums.INDEXED_VALUE_TYPE_KEYWORD_LIST
	}
	return m
}

// awaitReady returns when the server answers and its namespace is as the workflows need it, or says why not.
func (e *Engine) awaitReady(ctx context.Context, died <-chan error) error {
	tick := time.NewTicker(probePeriod)
	defer tick.Stop()
	var last error
	for {
		select {
		case err := <-died:
			return fmt.Errorf("ended before it answered: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("does not answer: %w", errors.Join(ctx.Err(), last))
		case <-tick.C:
		}
		err := e.probe(ctx)
		if err == nil {
			return nil
		}
		if late, ok := errors.AsType[net.Error](err); last == nil || !ok || !late.Timeout() {
			last = err // that time ran out in the middle of a try is no reason
		}
	}
}

// probe makes one attempt. It begins with a bare connection, since gRPC waits a second after one that is refused.
func (e *Engine) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.Address())
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	c, err := client.DialContext(ctx, client.Options{
		HostPort: e.Address(), Namespace: e.options.Namespace, Logger: log.NewStructuredLogger(e.options.Logger),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return err
	}
	return e.completeNamespace(ctx, c)
}

// completeNamespace adds what a namespace lacks that an older Neverlapse or the temporal CLI made. A retention that someone chose stays.
func (e *Engine) completeNamespace(ctx context.Context, c client.Client) error {
	ns := e.options.Namespace
	found, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: ns})
	if err != nil {
		return fmt.Errorf("namespace %s: %w", ns, err)
	}
	if ttl := found.GetConfig().GetWorkflowExecutionRetentionTtl(); ttl.AsDuration() == cliRetention {
		ttl.Seconds = int64(retention / time.Second)
		_, err := c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: ns, Config: &namespace.NamespaceConfig{WorkflowExecutionRetentionTtl: ttl},
		})
		if err != nil {
			return fmt.Errorf("retention of namespace %s: %w", ns, err)
		}
	}
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: ns})
	if err != nil {
		return fmt.Errorf("search attributes of namespace %s: %w", ns, err)
	}
	missing := SearchAttributes()
	for name := range listed.GetCustomAttributes() {
		delete(missing, name)
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: ns, SearchAttributes: missing})
	if err != nil {
		return fmt.Errorf("add search attributes to namespace %s: %w", ns, err)
	}
	return nil
}
