package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// crowd is an engine that enrols many and knows them afterwards.
type crowd struct {
	fake
	mu       sync.Mutex
	enrolled map[string]lifecycle.Spec
	refuses  map[string]string // by name
	busy     int               // so many batches meet the import between two runs
	broken   error
	sealed   int
	ids      map[string]bool // of the imports
	most     int             // rows of one batch
	after    func(n int)     // so many are enrolled
}

func (f *crowd) QueryWorkflowWithOptions(_ context.Context, r *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	spec, ok := f.enrolled[strings.TrimPrefix(r.WorkflowID, "certificate/")]
	if !ok {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &client.QueryWorkflowWithOptionsResponse{QueryResult: value{workflows.Status{State: lifecycle.State{Spec: spec}}}}, nil
}

type startOperation struct {
	client.WithStartWorkflowOperation
	id string
}

func (f *crowd) NewWithStartWorkflowOperation(o client.StartWorkflowOptions, _ any, _ ...any) client.WithStartWorkflowOperation {
	return startOperation{id: o.ID}
}

func (f *crowd) UpdateWithStartWorkflow(_ context.Context, o client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy--; f.busy >= 0 {
		return nil, temporal.NewNonRetryableApplicationError("the import hands over", workflows.Busy, nil)
	}
	if f.broken != nil {
		return nil, f.broken
	}
	in := o.UpdateOptions.Args[0].(workflows.EnrollManyRequest)
	f.ids[o.StartWorkflowOperation.(startOperation).id], f.most = true, max(f.most, len(in.Rows))
	var out workflows.EnrollManyResult
	for _, r := range in.Rows {
		why := f.refuses[r.Name]
		if _, twice := f.enrolled[r.Name]; twice {
			why = r.Name + " is already enrolled"
		}
		if out.Refused = append(out.Refused, why); why == "" {
			f.enrolled[r.Name] = lifecycle.Spec{Name: r.Name, Names: r.Names, Owner: r.Owner, Team: r.Team, Environment: r.Environment, Note: r.Note, Endpoints: r.Endpoints, Policy: lifecycle.Policy{Name: "default"}}
		}
	}
	if f.after != nil {
		f.after(len(f.enrolled))
	}
	return updateHandle{value: value{out}}, nil
}

func (f *crowd) UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.UpdateName == workflows.UpdateComplete {
		f.sealed++
		return nil, serviceerror.NewNotFound("the import has ended")
	}
	return f.fake.UpdateWorkflow(ctx, o)
}

func newCrowd() *crowd {
	return &crowd{enrolled: map[string]lifecycle.Spec{}, refuses: map[string]string{}, ids: map[string]bool{}}
}

// fromFile enrols a file against a crowd; hosts whose names begin with "dead" do not answer.
func (f *crowd) fromFile(t *testing.T, ctx context.Context, file string, args ...string) (code int, rows []rowView, out, errs string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "inventory.csv")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	c := newCLI([]string{"NEVERLAPSE_USER=minji", "NEVERLAPSE_DATA=" + t.TempDir()}, &o, &e)
	c.zone, c.now = time.UTC, func() time.Time { return today }
	c.dial = func(context.Context, config.Config) (client.Client, error) { return f, nil }
	c.look = func(_ context.Context, e cert.Endpoint, _ []string) []cert.Observation {
		if strings.HasPrefix(e.Host, "dead") {
			return []cert.Observation{{Endpoint: e, Err: "connection refused"}}
		}
		return []cert.Observation{{Endpoint: e, Version: cert.Version{Fingerprint: "aa", NotAfter: today.Add(20 * 24 * time.Hour), Names: []string{e.Host}}}}
	}
	code = c.run(ctx, append([]string{"enroll", "--file", path}, args...))
	for line := range strings.Lines(o.String()) {
		var v rowView
		if json.Unmarshal([]byte(line), &v) == nil {
			rows = append(rows, v)
		}
	}
	return code, rows, o.String(), e.String()
}

func outcomesOf(rows []rowView) (out []string) {
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%d %s", r.Line, r.Outcome))
	}
	return out
}

const six = `host,owner,note
a.test,minji,"3층, A랙"
b.test,,
dead.test,minji,
c.test,nobody,
d.test:99999,minji,
a.test,jiho,again
`

func TestAFileIsEnrolledRowByRow(t *testing.T) {
	f := newCrowd()
	f.refuses["c.test"], f.busy = "owner: \"nobody\" is nobody in the directory", 1
	code, rows, _, errs := f.fromFile(t, t.Context(), six, "-o", "jsonl", "--owner", "sora", "--team", "web", "--environment", "prod")
	wantCode(t, code, exitFailed, errs)
	wantEqual(t, outcomesOf(rows), []string{"2 enrolled", "3 enrolled", "4 refused", "5 refused", "6 refused", "7 refused"})
	for i, part := range map[int]string{2: "it does not answer: connection refused; check host and port", 3: "nobody in the directory", 4: "not a number from 1 to 65535", 5: "stands in line 2 already"} {
		wantText(t, rows[i].Why, part)
	}
	wantText(t, errs, "6 rows, 2 enrolled, 4 refused. Each owner is told once", "4 of 6 rows were refused; mend them")
	a, b := f.enrolled["a.test"], f.enrolled["b.test"]
	if a.Owner != "minji" || a.Team != "web" || a.Note != "3층, A랙" || b.Owner != "sora" || b.Environment != "prod" || *rows[0].DaysLeft != 20 {
		t.Errorf("%+v %+v", a, b)
	}
	if f.sealed != 1 || len(f.ids) != 1 {
		t.Errorf("sealed %d times, imports %v", f.sealed, f.ids)
	}

	code, rows, _, errs = f.fromFile(t, t.Context(), six, "-o", "jsonl", "--owner", "sora", "--team", "web", "--environment", "prod", "--unreachable")
	wantCode(t, code, exitFailed, errs)
	wantEqual(t, outcomesOf(rows), []string{"2 unchanged", "3 unchanged", "4 enrolled", "5 refused", "6 refused", "7 refused"})
	wantEqual(t, f.enrolled["dead.test"].Names, []string{"dead.test"})
	if len(f.ids) != 1 {
		t.Errorf("the same file is another import: %v", f.ids)
	}
}

func TestARowThatDiffersIsChangedOnlyWhenAskedFor(t *testing.T) {
	f := newCrowd()
	f.enrolled["a.test"] = lifecycle.Spec{Name: "a.test", Names: []string{"a.test"}, Owner: "minji", Endpoints: []cert.Endpoint{{Host: "a.test", Port: 443}}, Policy: lifecycle.Policy{Name: "default"}}
	f.enrolled["b.test"] = lifecycle.Spec{Name: "b.test", Names: []string{"b.test"}, Endpoints: []cert.Endpoint{{Host: "b.test", Port: 8443}}}
	file := "host,owner\na.test,jiho\nb.test,\n"
	code, _, _, errs := f.fromFile(t, t.Context(), file, "-o", "jsonl", "--note", "")
	if code != exitUsage {
		t.Errorf("--note is taken: %d %s", code, errs)
	}
	code, rows, _, errs := f.fromFile(t, t.Context(), file, "-o", "jsonl")
	wantCode(t, code, exitFailed, errs)
	wantText(t, rows[0].Why, `a.test is enrolled with owner "minji"; change it by --update`)
	wantText(t, rows[1].Why, "b.test is enrolled for b.test:8443; give this place a name of its own")

	code, rows, _, errs = f.fromFile(t, t.Context(), file, "-o", "jsonl", "--update", "--dry-run")
	wantCode(t, code, exitOK, errs)
	wantEqual(t, outcomesOf(rows), []string{"2 would-enroll", "3 would-enroll"}) // the index has not seen them yet
	f.answers = map[string]any{"enrollment": workflows.EnrollmentOutput{Spec: lifecycle.Spec{Name: "a.test", Owner: "jiho"}}}
	code, rows, _, errs = f.fromFile(t, t.Context(), file, "-o", "jsonl", "--update")
	wantCode(t, code, exitFailed, errs)
	wantEqual(t, outcomesOf(rows), []string{"2 changed", "3 refused"})
	if in := f.answers["input"].(workflows.EnrollmentInput); in.Owner != "jiho" || !in.Change {
		t.Errorf("%+v", in)
	}
	if sent := f.updates[0].Args[0].(workflows.SetSpecRequest); sent.Spec.Owner != "jiho" {
		t.Errorf("%+v", sent)
	}
}

func lots(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "h%d.test\n", i)
	}
	return b.String()
}

func TestManyRowsGoInBatchesAndAreToldInOrder(t *testing.T) {
	f := newCrowd()
	code, rows, _, errs := f.fromFile(t, t.Context(), lots(500), "-o", "jsonl", "--owner", "minji")
	wantCode(t, code, exitOK, errs)
	if len(rows) != 500 || len(f.enrolled) != 500 || f.most > batchRows || f.most < 2 {
		t.Errorf("%d rows, %d enrolled, batches of up to %d", len(rows), len(f.enrolled), f.most)
	}
	if !slices.IsSortedFunc(rows, func(a, b rowView) int { return a.Line - b.Line }) {
		t.Error("the results are not in the order of the file")
	}
	code, _, out, errs := f.fromFile(t, t.Context(), lots(3), "-o", "json")
	var all []rowView
	if wantCode(t, code, exitOK, errs); json.Unmarshal([]byte(out), &all) != nil || len(all) != 3 {
		t.Errorf("not one document: %s", out)
	}
}

func TestAnInterruptedRunSaysWhatIsLeft(t *testing.T) {
	f := newCrowd()
	ctx, cancel := context.WithCancel(t.Context())
	f.after = func(n int) {
		if n > 100 {
			cancel()
		}
	}
	code, rows, _, errs := f.fromFile(t, ctx, lots(500), "-o", "jsonl", "--owner", "minji")
	wantCode(t, code, exitFailed, errs)
	wantText(t, errs, "stopped with", "of 500 rows left; what is enrolled stays; run it again to complete")
	if len(rows) >= 500 || f.sealed != 0 {
		t.Errorf("%d rows, sealed %d times: whoever runs it again goes on with the same import", len(rows), f.sealed)
	}
	f.after = nil
	code, rows, _, errs = f.fromFile(t, t.Context(), lots(500), "-o", "jsonl", "--owner", "minji")
	wantCode(t, code, exitOK, errs)
	if len(rows) != 500 || len(f.enrolled) != 500 || len(f.ids) != 1 || f.sealed != 1 {
		t.Errorf("%d rows, %d enrolled, imports %v, sealed %d times", len(rows), len(f.enrolled), f.ids, f.sealed)
	}
}

func TestAnEngineThatGoesAwayEndsTheRunOnce(t *testing.T) {
	f := newCrowd()
	f.broken = serviceerror.NewUnavailable("connection refused")
	code, rows, _, errs := f.fromFile(t, t.Context(), lots(500), "-o", "jsonl", "--owner", "minji")
	wantCode(t, code, exitUnreachable, errs)
	wantText(t, errs, "Temporal does not answer", "it stopped with 500 of 500 rows left")
	if len(rows) != 0 || strings.Count(errs, "does not answer") != 1 {
		t.Errorf("%d rows\n%s", len(rows), errs)
	}
}

func TestHostileCellsDoNotReachTheTerminal(t *testing.T) {
	f := newCrowd()
	code, _, out, errs := f.fromFile(t, t.Context(), "host,owner\n\x1b[2Ja.test,min\u202eji\n", "--owner", "sora")
	wantCode(t, code, exitFailed, errs)
	if strings.ContainsAny(out+errs, "\x1b\u202e") {
		t.Errorf("%q %q", out, errs)
	}
}

func TestWhatTheIndexKnowsIsNotAskedFor(t *testing.T) {
	f := newCrowd()
	e := indexed("a.test", map[string]any{"owner": "minji", "team": "web", "notAfter": today.Add(9 * 24 * time.Hour)})
	endpoints, err := converter.GetDefaultDataConverter().ToPayload([]cert.Endpoint{{Host: "a.test", Port: 443}})
	if err != nil {
		t.Fatal(err)
	}
	e.Memo = &commonpb.Memo{Fields: map[string]*commonpb.Payload{workflows.MemoEndpoints: endpoints}}
	f.rows = []*workflowpb.WorkflowExecutionInfo{e}
	// The certificate itself, if it were asked, is another's.
	f.enrolled["a.test"] = lifecycle.Spec{Name: "a.test", Owner: "sora", Note: "asked", Endpoints: []cert.Endpoint{{Host: "a.test", Port: 443}}}
	code, rows, _, errs := f.fromFile(t, t.Context(), "host,owner\na.test,minji\n", "-o", "jsonl")
	wantCode(t, code, exitOK, errs)
	if wantEqual(t, outcomesOf(rows), []string{"2 unchanged"}); *rows[0].DaysLeft != 9 {
		t.Errorf("%+v", rows[0])
	}
	_, rows, _, _ = f.fromFile(t, t.Context(), "host,owner,note\na.test,minji,asked\n", "-o", "jsonl")
	wantEqual(t, outcomesOf(rows), []string{"2 refused"})
	wantText(t, rows[0].Why, `is enrolled with owner "sora"`)
	_, rows, _, _ = f.fromFile(t, t.Context(), "host,owner\na.test,jiho\n", "-o", "jsonl")
	wantEqual(t, outcomesOf(rows), []string{"2 refused"})
}
