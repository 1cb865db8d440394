package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/workflows"
)

// toldErrors bounds how much of what is wrong with a file is told.
const toldErrors = 4000

// sayRefused has people told of a file that is not taken, once for each content,
// and goes on saying so as long as it is.
func (a *App) sayRefused(ctx context.Context) (time.Duration, error) {
	why := a.reload.state()
	if why.text == "" {
		return 0, nil
	}
	host, _ := os.Hostname()
	in := workflows.Unfit{Worker: host, File: a.config.Source, Errors: why.text[:min(len(why.text), toldErrors)]}
	_, err := a.client.SignalWithStartWorkflow(ctx, workflows.ConfigurationID(why.content.String()), workflows.SignalUnfit, in, client.StartWorkflowOptions{
		TaskQueue: a.config.Temporal.TaskQueue, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary: "a worker refuses its configuration",
	}, "ConfigurationWorkflow", workflows.ConfigurationInput{Unfit: in})
	return workflows.RefusedAgain, err
}

// sayMended takes back what was told: our file is good. A worker that refuses
// the same content still says so again.
func (a *App) sayMended(ctx context.Context) (time.Duration, error) {
	host, _ := os.Hostname()
	open, err := a.refusedConfigurations(ctx)
	errs := []error{err}
	for _, id := range open {
		err := a.client.SignalWorkflow(ctx, id, "", workflows.SignalMended, workflows.Mended{Worker: host})
		if _, over := errors.AsType[*serviceerror.NotFound](err); err != nil && !over {
			errs = append(errs, fmt.Errorf("%s: %w", id, err))
		}
	}
	return 0, errors.Join(errs...)
}

// refusedConfigurations lists what is being told: what the index knows, and what
// this worker said, which the index may not know yet.
func (a *App) refusedConfigurations(ctx context.Context) ([]string, error) {
	var out []string
	for _, d := range a.reload.wasRefused() {
		out = append(out, workflows.ConfigurationID(d.String()))
	}
	r, err := a.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: a.config.Temporal.Namespace, Query: "WorkflowType = 'ConfigurationWorkflow' AND ExecutionStatus = 'Running'",
	})
	for _, e := range r.GetExecutions() {
		out = append(out, e.GetExecution().GetWorkflowId())
	}
	return out, err
}
