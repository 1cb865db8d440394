package workflows_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// The fixtures are histories recorded from released code on a real engine:
// NEVERLAPSE_RECORD=$PWD/workflows/testdata/histories go test ./test/e2e -run '...'
const fixtures = "testdata/histories/*.json"

func histories(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no fixture in %s: nothing is held", fixtures)
	}
	return files
}

func replay(t *testing.T, file string, brain func(time.Time, lifecycle.State) lifecycle.Decision, in ...interceptor.WorkerInterceptor) error {
	t.Helper()
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: in})
	if err != nil {
		t.Fatal(err)
	}
	story := &workflows.Workflows{Brain: brain, Link: func(string) string { return "http://127.0.0.1/" }}
	for name, w := range told(story) {
		r.RegisterWorkflowWithOptions(w, workflow.RegisterOptions{Name: name})
	}
	return r.ReplayWorkflowHistoryFromJSONFile(quiet{}, file)
}

// told lists the workflows there are, by their types.
func told(story *workflows.Workflows) map[string]any {
	out := map[string]any{}
	for v, i := reflect.ValueOf(story), 0; i < v.NumMethod(); i++ {
		if name := v.Type().Method(i).Name; strings.HasSuffix(name, "Workflow") {
			out[name] = v.Method(i).Interface()
		}
	}
	return out
}

func TestEveryWorkflowHasAFixture(t *testing.T) {
	all := strings.Join(histories(t), "\n")
	types := told(&workflows.Workflows{})
	if len(types) < 13 {
		t.Fatalf("found no more than %d types of workflows", len(types))
	}
	for name := range types {
		if !strings.Contains(all, "."+name+".") {
			t.Errorf("%s has no history in %s", name, fixtures)
		}
	}
}

// What only some certificates live through is held by a history as well.
func TestAFixtureHoldsAnApprovalAndOneAFreeze(t *testing.T) {
	data := regexp.MustCompile(`"data":"([A-Za-z0-9+/=]+)"`)
	for what, mark := range map[string]string{"an approval": `"kind":"approved"`, "a freeze": `"kind":"freeze-overridden"`} {
		found := false
		for _, file := range histories(t) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, payload := range data.FindAllStringSubmatch(string(text), -1) {
				plain, err := base64.StdEncoding.DecodeString(payload[1])
				found = found || err == nil && strings.Contains(file, ".CertificateWorkflow.") && strings.Contains(string(plain), mark)
			}
		}
		if !found {
			t.Errorf("no history of a certificate has %s", what)
		}
	}
}

func TestReleasedHistoriesStillReplay(t *testing.T) {
	for _, file := range histories(t) {
		if err := replay(t, file, lifecycle.Next); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestAnAlteredBrainDoesNotBreakReplay(t *testing.T) {
	asked := 0
	altered := func(now time.Time, _ lifecycle.State) lifecycle.Decision {
		asked++
		return lifecycle.Decision{Step: lifecycle.Step{Kind: lifecycle.StepWait}, Due: now.AddDate(1, 0, 0), Reason: "altered"}
	}
	for _, file := range histories(t) {
		if err := replay(t, file, altered); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if asked > 2*len(histories(t)) { // at most for the decision after the last recorded one, and for what that foresees
		t.Errorf("the brain was asked %d times during replay", asked)
	}
}

func TestAWorkflowWithTwoCommandsSwappedDoesNotReplay(t *testing.T) {
	swapped := 0
	for _, file := range histories(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), `"Observe"`) || !strings.Contains(string(text), `"Record"`) {
			continue
		}
		swapped++
		err = replay(t, file, lifecycle.Next, &swapping{})
		if err == nil {
			t.Errorf("%s replays although two commands are swapped: the fixtures hold nothing", file)
		}
	}
	if swapped == 0 {
		t.Error("no fixture has the commands that are swapped")
	}
}

// swapping exchanges two activities, as a careless edit of the workflow would.
type swapping struct {
	interceptor.WorkerInterceptorBase
}

func (s *swapping) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &swapInbound{}
	i.Next = next
	return i
}

type swapInbound struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (i *swapInbound) Init(out interceptor.WorkflowOutboundInterceptor) error {
	o := &swapOutbound{}
	o.Next = out
	return i.Next.Init(o)
}

type swapOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
}

func (o *swapOutbound) ExecuteActivity(ctx workflow.Context, activity string, args ...any) workflow.Future {
	switch activity {
	case "Observe":
		activity = "Record"
	case "Record":
		activity = "Observe"
	}
	return o.Next.ExecuteActivity(ctx, activity, args...)
}
