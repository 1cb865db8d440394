package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestHistoryOutlivesTheRunsThatMadeIt(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: hasty, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.tenMinutes()
	if err := w.Nginx.BreakConfig(); err != nil {
		t.Fatal(err)
	}
	w.manage("shop", 0, "--policy", "hasty")
	w.eventually("the owner to hear of the failure", func() bool { return len(w.pages(harness.OwnerSlack, alert.RenewalFailing)) > 0 })
	if code := w.click(w.pages(harness.OwnerSlack, alert.RenewalFailing)[0], alert.ActAcknowledge, harness.OwnerSlack); code != http.StatusOK {
		t.Fatalf("the click was answered by %d", code)
	}
	if err := w.Nginx.RepairConfig(); err != nil {
		t.Fatal(err)
	}
	last := w.served(0)
	for range 3 {
		w.until("shop", "nothing to be under way", func(s workflows.Status) bool { return len(s.State.Flights) == 0 })
		last = w.renewOnce(last)
	}
	w.deleteClosedRuns("shop")

	history := w.cli(0, "history", "shop")
	for _, want := range []string{"enrolled", "tester", "acknowledged", "minji", "slack"} {
		if !strings.Contains(history, want) {
			t.Errorf("history does not tell %q:\n%s", want, history)
		}
	}
	if n := w.CA.Issued(); n != 3 {
		t.Errorf("%d certificates for three versions", n)
	}
}

// renewOnce asks for a renewal, unless one is under way, and waits for a new live version.
func (w *world) renewOnce(old cert.Fingerprint) cert.Fingerprint {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	if s, err := w.Status(ctx, w.client, "shop"); err == nil && s.State.Live.Fingerprint == old {
		w.CLI(ctx, "renew", "shop") // refused if the rules were faster
	}
	s := w.until("shop", "another version to be live", func(s workflows.Status) bool { return s.State.Live.Fingerprint != old })
	return s.State.Live.Fingerprint
}

// deleteClosedRuns does what retention does, at once.
func (w *world) deleteClosedRuns(name string) {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	closed := func() (out []*commonpb.WorkflowExecution) {
		list, err := w.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: w.Namespace,
			Query: "WorkflowId = '" + workflows.WorkflowID(name) + "'"})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range list.Executions {
			if e.Status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
				out = append(out, e.Execution)
			}
		}
		return out
	}
	w.eventually("three runs to be closed", func() bool { return len(closed()) >= 3 })
	for _, e := range closed() {
		if _, err := w.client.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{Namespace: w.Namespace, WorkflowExecution: e}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.eventually("the closed runs to be gone", func() bool { return len(closed()) == 0 })
}
