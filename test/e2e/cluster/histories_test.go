package cluster

import (
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// past is the history of one run of a workflow.
type past struct {
	id, kind string
	events   []*historypb.HistoryEvent
}

// runs gives all that there are, without those of the system.
func (c *cluster) runs() (all []past) {
	c.t.Helper()
	var page []byte
	for {
		list, err := c.client.ListWorkflow(c.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: c.Namespace, NextPageToken: page})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, e := range list.Executions {
			if strings.HasPrefix(e.Execution.WorkflowId, "temporal-sys") {
				continue
			}
			r := past{id: e.Execution.WorkflowId, kind: e.GetType().GetName()}
			events := c.client.GetWorkflowHistory(c.t.Context(), e.Execution.WorkflowId, e.Execution.RunId, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for events.HasNext() {
				event, err := events.Next()
				if err != nil {
					c.t.Fatal(err)
				}
				r.events = append(r.events, event)
			}
			all = append(all, r)
		}
		if page = list.NextPageToken; len(page) == 0 {
			return all
		}
	}
}

// replays has the workflows of this release replay the run.
func (r past) replays() error {
	p := worker.NewWorkflowReplayer()
	app.Register(p, &workflows.Workflows{Brain: lifecycle.Next, Link: func(string) string { return "http://127.0.0.1/" }}, nil)
	return p.ReplayWorkflowHistory(nil, &historypb.History{Events: r.events})
}

// failed gives why workflow tasks failed.
func (r past) failed() (causes []string) {
	for _, e := range r.events {
		if f := e.GetWorkflowTaskFailedEventAttributes(); f != nil {
			causes = append(causes, f.GetCause().String()+": "+f.GetFailure().GetMessage())
		}
	}
	return causes
}

// workers gives who did the workflow tasks.
func (r past) workers() map[string]int {
	out := map[string]int{}
	for _, e := range r.events {
		if d := e.GetWorkflowTaskCompletedEventAttributes(); d != nil {
			out[d.GetIdentity()]++
		}
	}
	return out
}

// went tells which ways the run recorded at a patch, the new one or the old.
func (r past) went(patch string) (new, old bool) {
	for _, e := range r.events {
		m := e.GetMarkerRecordedEventAttributes()
		if m.GetMarkerName() != "Version" || !strings.Contains(m.GetDetails()["change-id"].String(), patch) {
			continue
		}
		if data := m.GetDetails()["version"].GetPayloads(); len(data) == 1 && string(data[0].GetData()) == "1" {
			new = true
		} else {
			old = true
		}
	}
	return new, old
}
