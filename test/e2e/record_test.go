package e2e

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflowservice/v1"
)

// record writes the histories of a world's workflows to $NEVERLAPSE_RECORD, as
// fixtures for the replay tests of the workflows (see workflows/testdata).
func (w *world) record() {
	dir := os.Getenv("NEVERLAPSE_RECORD")
	if dir == "" || w.t.Failed() || w.client == nil {
		return
	}
	ctx := context.Background()
	list, err := w.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: w.Namespace})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list.Executions {
		var h historypb.History
		events := w.client.GetWorkflowHistory(ctx, e.Execution.WorkflowId, e.Execution.RunId, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				w.t.Fatal(err)
			}
			h.Events = append(h.Events, event)
		}
		text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(&h)
		if err != nil {
			w.t.Fatal(err)
		}
		name := slug(w.t.Name()) + "." + e.GetType().GetName() + "." + e.Execution.RunId[len(e.Execution.RunId)-4:] + ".json"
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
}

var wordEnd = regexp.MustCompile(`([a-z])([A-Z])|([A-Z])([A-Z][a-z])`)

var notWord = regexp.MustCompile(`[^a-z0-9]+`)

func slug(s string) string {
	s = wordEnd.ReplaceAllString(strings.TrimPrefix(s, "Test"), "$1$3-$2$4")
	return strings.Trim(notWord.ReplaceAllString(strings.ToLower(s), "-"), "-")
}
