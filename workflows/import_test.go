package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// importStory plays an import whose certificates report as they are told to.
type importStory struct {
	*story
	stands  map[string]workflows.Report // by name; absent: it reports that nothing stands
	mute    map[string]bool             // never reports
	told    map[string]workflows.Summarized
	heardAt map[string]time.Time
	started []string
}

type door struct{}

func (door) Admit(_ context.Context, r activities.AdmitRequest) (json.RawMessage, error) {
	return json.Marshal(lifecycle.Default())
}
func (door) Enrolled(context.Context, string) (bool, error) { return false, nil }
func (door) Holding(context.Context, string) (activities.Holding, error) {
	return activities.Holding{}, nil
}

func importing(t *testing.T, kinds ...string) *importStory {
	i := &importStory{story: stage(t, kinds...), stands: map[string]workflows.Report{}, mute: map[string]bool{}, told: map[string]workflows.Summarized{}, heardAt: map[string]time.Time{}}
	i.acts.Admission = door{}
	i.env.RegisterWorkflow(i.story.story.ImportWorkflow)
	certificate := func(ctx workflow.Context, e workflows.Entity) error {
		name := e.State.Spec.Name
		i.started = append(i.started, name)
		if !i.mute[name] {
			r := i.stands[name]
			r.Name, r.Owner, r.Team = name, e.State.Spec.Owner, e.State.Spec.Team
			_ = workflow.SignalExternalWorkflow(ctx, e.State.Import.ID, "", workflows.SignalReported, r).Get(ctx, nil)
		}
		if r := i.stands[name]; !r.Held {
			return nil
		}
		var in workflows.Summarized
		workflow.GetSignalChannel(ctx, workflows.SignalSummarized).Receive(ctx, &in)
		i.told[name], i.heardAt[name] = in, workflow.Now(ctx)
		return nil
	}
	i.env.RegisterWorkflowWithOptions(certificate, workflow.RegisterOptions{Name: "CertificateWorkflow"})
	return i
}

// enroll sends a batch at an instant: "name owner team".
func (i *importStory) enroll(after time.Duration, rows ...string) {
	i.at(start.Add(after), func() {
		in := workflows.EnrollManyRequest{Request: workflows.Request{By: "minji"}}
		for _, r := range rows {
			f := strings.Split(r, " ")
			row := activities.AdmitRequest{Name: f[0], Names: []string{f[0] + ".test"}, Owner: f[1], Team: f[2], Endpoints: []cert.Endpoint{{Host: f[0] + ".test", Port: 443}}}
			in.Rows = append(in.Rows, workflows.EnrollmentRow{AdmitRequest: row, Seen: version(f[0], start.AddDate(0, 0, -85), 90*24*time.Hour)})
		}
		i.env.UpdateWorkflow(workflows.UpdateEnrollMany, rows[0], heeded{i.t}, in)
	})
}

func (i *importStory) complete(after time.Duration) {
	i.at(start.Add(after), func() {
		i.env.UpdateWorkflow(workflows.UpdateComplete, "complete "+after.String(), heeded{i.t}, workflows.Request{By: "minji"})
	})
}

// play runs the import and gives who was told of how many certificates.
func (i *importStory) play() []string {
	i.t.Helper()
	i.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "import/1"})
	i.env.ExecuteWorkflow(i.story.story.ImportWorkflow, workflows.ImportInput{})
	if !i.env.IsWorkflowCompleted() || i.env.GetWorkflowError() != nil {
		i.t.Fatalf("the import did not end well: %v", i.env.GetWorkflowError())
	}
	var out []string
	for _, n := range i.story.told {
		if s := n.what.Notice.Summary; s != nil {
			out = append(out, fmt.Sprintf("%s by %s: %d, first %s", n.to, n.kind, s.Whole, s.Rows[0].Certificate))
		} else {
			i.t.Errorf("told otherwise: %s", n)
		}
	}
	slices.Sort(out)
	return out
}

// heeded takes the answers of updates that must be taken.
type heeded struct{ t *testing.T }

func (heeded) Accept()            {}
func (h heeded) Reject(err error) { h.t.Errorf("an update is refused: %v", err) }
func (h heeded) Complete(out any, err error) {
	if r, ok := out.(workflows.EnrollManyResult); err != nil || ok && strings.Join(r.Refused, "") != "" {
		h.t.Errorf("an update fails: %+v %v", out, err)
	}
}

func held(left float64) workflows.Report {
	return workflows.Report{Severity: alert.P2, NotAfter: days(left), Held: true}
}

func TestAnImportTellsEachOwnerOnce(t *testing.T) {
	i := importing(t, "slack", "email")
	i.stands = map[string]workflows.Report{"a": held(5), "b": held(3), "d": held(9), "e": held(4), "f": {Severity: alert.P1, NotAfter: days(0.5)}, "g": {Severity: alert.P1, NotAfter: days(0.2)}}
	i.enroll(time.Second, "a owner team", "b owner -", "c owner team")
	i.enroll(2*time.Second, "d boss team", "e  team", "f boss team", "g watch team")
	i.complete(3 * time.Second)
	got := i.play()
	want := []string{"boss by slack: 2, first f", "owner by slack: 2, first b", "team by slack: 1, first e"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	var heard []string
	for name, s := range i.told {
		heard = append(heard, name)
		if len(s.To) != 1 || s.Import != "import/1" || !slices.Equal(s.Kinds, []string{"slack"}) {
			t.Errorf("%s hears %+v", name, s)
		}
	}
	if slices.Sort(heard); !slices.Equal(heard, []string{"a", "b", "d", "e"}) {
		t.Errorf("it was said to %v", heard)
	}
	if wait := i.heardAt["a"].Sub(start); wait > time.Minute {
		t.Errorf("people waited %s although everything was known", wait)
	}
}

func TestAnImportWhoseSenderIsGoneTellsAfterAWhile(t *testing.T) {
	i := importing(t, "slack")
	i.stands["a"] = held(5)
	i.mute["b"] = true
	i.enroll(time.Second, "a owner team", "b owner team")
	got := i.play()
	if want := []string{"owner by slack: 1, first a"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if wait := i.heardAt["a"].Sub(start); wait < 5*time.Minute || wait > 6*time.Minute {
		t.Errorf("people waited %s", wait)
	}
}

func TestASenderThatComesBackIsTakenIntoTheSameImport(t *testing.T) {
	i := importing(t, "slack")
	i.stands["a"], i.stands["b"] = held(5), held(6)
	i.enroll(time.Second, "a owner team")
	i.enroll(4*time.Minute, "b owner team")
	i.complete(4*time.Minute + time.Second)
	if got, want := i.play(), []string{"owner by slack: 2, first a"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestASummaryGoesAnotherWayAndCertificatesHearWhenThereIsNone(t *testing.T) {
	i := importing(t, "slack", "email")
	i.refuses["slack"] = true
	i.stands["a"] = held(5)
	i.enroll(time.Second, "a owner team")
	i.complete(2 * time.Second)
	if got, want := i.play(), []string{"owner by email: 1, first a"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	i = importing(t, "slack")
	i.refuses["slack"] = true
	i.stands["a"] = held(5)
	i.enroll(time.Second, "a owner team")
	i.complete(2 * time.Second)
	if got := i.play(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if s, ok := i.told["a"]; !ok || len(s.To) != 0 || s.Cause == "" {
		t.Errorf("the certificate hears %+v", s)
	}
}

func TestAnImportHandsOverBetweenBatches(t *testing.T) {
	i := importing(t, "slack")
	i.env.SetContinueAsNewSuggested(true)
	i.stands["a"] = held(5)
	i.mute["a"] = true
	i.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "import/1"})
	i.env.ExecuteWorkflow(i.story.story.ImportWorkflow, workflows.ImportInput{Began: start, News: start, Awaited: []string{"a"}, Found: []workflows.Report{{Name: "b", Owner: "owner", Severity: alert.P2, NotAfter: days(4), Held: true}}})
	var next *workflow.ContinueAsNewError
	if !errors.As(i.env.GetWorkflowError(), &next) {
		t.Fatalf("it goes on: %v", i.env.GetWorkflowError())
	}
	var in workflows.ImportInput
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil || len(in.Awaited) != 1 || len(in.Found) != 1 || !in.Began.Equal(start) {
		t.Errorf("it hands over %+v %v", in, err)
	}
	if len(i.story.told) != 0 {
		t.Errorf("it told %v before it handed over", i.heard())
	}
}
