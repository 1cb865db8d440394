// Command temporal stands in for the command line of Temporal in the tests of
// docker-compose.yml, because that cannot be built here: it takes the commands
// of deploy/compose/namespace.sh, and no other, and asks a real server.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		os.Exit(1)
	}
}

// asked is what the flags say.
type asked struct {
	namespace, retention, name, kind, query, output string
}

type command func(context.Context, client.Client, asked) error

var commands = map[string]command{
	"operator cluster health":          health,
	"operator namespace describe":      describe,
	"operator namespace create":        create,
	"operator search-attribute list":   list,
	"operator search-attribute create": add,
	"workflow count":                   count,
}

func run(args []string) error {
	verb := 0
	for verb < len(args) && !strings.HasPrefix(args[verb], "-") {
		verb++
	}
	do, ok := commands[strings.Join(args[:verb], " ")]
	if !ok {
		return fmt.Errorf("%q is not among the commands of the stand-in", args)
	}
	var a asked
	flags := flag.NewFlagSet("temporal", flag.ContinueOnError)
	flags.StringVar(&a.namespace, "n", os.Getenv("TEMPORAL_NAMESPACE"), "namespace")
	flags.StringVar(&a.retention, "retention", "", "retention")
	flags.StringVar(&a.name, "name", "", "name")
	flags.StringVar(&a.kind, "type", "", "type")
	flags.StringVar(&a.query, "query", "", "query")
	flags.StringVar(&a.output, "o", "", "output")
	if err := flags.Parse(args[verb:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is too much", flags.Args())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: a.namespace})
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c, a)
}

func health(ctx context.Context, c client.Client, _ asked) error {
	_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

func describe(ctx context.Context, c client.Client, a asked) error {
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: a.namespace})
	return err
}

func create(ctx context.Context, c client.Client, a asked) error {
	retention, err := time.ParseDuration(a.retention)
	if err != nil {
		return err
	}
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: a.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	return err
}

func list(ctx context.Context, c client.Client, a asked) error {
	if a.output != "json" {
		return fmt.Errorf("-o %q: the script reads json", a.output)
	}
	there, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: a.namespace})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(there)
}

func add(ctx context.Context, c client.Client, a asked) error {
	kind, err := enums.IndexedValueTypeFromString(a.kind)
	if err != nil {
		return err
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: a.namespace, SearchAttributes: map[string]enums.IndexedValueType{a.name: kind},
	})
	return err
}

func count(ctx context.Context, c client.Client, a asked) error {
	n, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: a.namespace, Query: a.query})
	if err != nil {
		return err
	}
	fmt.Println("Total:", n.GetCount())
	return nil
}
