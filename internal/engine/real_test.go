package engine

import (
	"context"
	"maps"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// realEngine is the path of a built deploy/engine.
func realEngine(t *testing.T) string {
	t.Helper()
	path := os.Getenv(binaryEnv)
	if path == "" {
		t.Skip("NEVERLAPSE_ENGINE is not set; build it with: export NEVERLAPSE_ENGINE=$(test/servers/build-engine.sh)")
	}
	return path
}

func TestTheRealServerKeepsItsWorkflowsThroughKillAndStop(t *testing.T) {
	o := fake(t)
	o.Binary, o.Namespace = realEngine(t), "certs"
	e := start(t, o)
	id := "certificate/www"
	c := dial(t, e)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "nobody"}, "Certificate")
	if err != nil {
		t.Fatal(err)
	}
	stillRuns := func() bool {
		d, err := c.DescribeWorkflowExecution(t.Context(), id, run.GetRunID())
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	}
	checkNamespace(t, c, "certs")
	checkUI(t, e)

	first := e.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the workflow is there after a kill", func() bool { return e.PID() != first && stillRuns() })

	asTheTemporalCLIMakesIt(t, c, "certs")
	second, address := e.PID(), e.Address()
	stop(t, e)
	if !gone(second) {
		t.Errorf("pid %d still runs", second)
	}
	if e = start(t, o); e.Address() != address {
		t.Errorf("now at %s, was at %s", e.Address(), address)
	}
	eventually(t, "the workflow is there after a stop", stillRuns)
	checkNamespace(t, c, "certs")
	_, err = Start(t.Context(), o)
	refused(t, err, "already runs the engine")
}

func TestAKilledWorkerLeavesNoRealServer(t *testing.T) {
	o := fake(t)
	o.Binary = realEngine(t)
	killedWorker(t, o.Binary, o.DataDir)
	e := start(t, o)
	checkUI(t, e)
}

func TestTheRealServerCanBeTheTestsuitesDevServer(t *testing.T) {
	s, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{ExistingPath: realEngine(t), LogLevel: "error"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	checkNamespace(t, s.Client(), "default")
}

func dial(t *testing.T, e *Engine) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: e.Address(), Namespace: e.options.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// asTheTemporalCLIMakesIt shortens the retention to a day and takes a search attribute away.
func asTheTemporalCLIMakesIt(t *testing.T, c client.Client, name string) {
	t.Helper()
	_, err := c.WorkflowService().UpdateNamespace(t.Context(), &workflowservice.UpdateNamespaceRequest{
		Namespace: name, Config: &namespace.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(cliRetention)},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.OperatorService().RemoveSearchAttributes(t.Context(), &operatorservice.RemoveSearchAttributesRequest{
		Namespace: name, SearchAttributes: []string{"hosts"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkNamespace(t *testing.T, c client.Client, name string) {
	t.Helper()
	eventually(t, "namespace "+name+" keeps closed runs for 400 days and has our search attributes", func() bool {
		d, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: name})
		if err != nil || d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() != 9600*time.Hour {
			return false
		}
		l, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: name})
		return err == nil && maps.Equal(l.GetCustomAttributes(), SearchAttributes())
	})
}

func checkUI(t *testing.T, e *Engine) {
	t.Helper()
	eventually(t, "the Web UI answers", func() bool {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, e.UIURL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		return resp.StatusCode == http.StatusOK && resp.Body.Close() == nil
	})
}
