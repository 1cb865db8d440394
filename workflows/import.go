package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"
)

// How long an import goes on, and how long what it enrolled waits for it. The
// latter is longer, so that as a rule only one of them tells.
const (
	importPatience = 5 * time.Minute  // without news: whoever sends rows is gone, or a certificate cannot be seen
	importLimit    = 50 * time.Minute // of the whole: what is known then is summed up
	holdFor        = time.Hour        // after its enrolment a certificate tells by itself
)

// importRun bounds how many certificates one run starts: a server bounds the
// children of a workflow (2,000).
const importRun = 1000

// ImportInput is an import, and all that one run of it hands to the next.
type ImportInput struct {
	Began   time.Time `json:"began,omitzero"` // the first run; keeps the summaries of one file apart from those of its next import
	News    time.Time `json:"news,omitzero"`  // the last time that anything was heard
	Sealed  bool      `json:"sealed,omitempty"`
	Awaited []string  `json:"awaited,omitempty"` // enrolled, and did not report yet
	Found   []Report  `json:"found,omitempty"`   // to be summed up
	Rounds  int       `json:"rounds,omitempty"`  // of summaries

	Enrolled  int `json:"enrolled,omitempty"`
	Refused   int `json:"refused,omitempty"`
	Summaries int `json:"summaries,omitempty"`
}

// ImportID is the ID of the import of a file; the digest is that of its content,
// so that a run that was cut short is continued by the next.
func ImportID(digest string) string { return "import/" + digest }

// imports is one run of an import.
type imports struct {
	*Workflows
	ImportInput
	id        string
	changes   int
	enrolling int // batches under way
	started   int // certificates, by this run
	starting  map[string]start
	reports   workflow.ReceiveChannel
}

// start is a certificate that begins.
type start struct {
	child workflow.Future
	waits bool // its report is awaited since
}

// ImportWorkflow enrols many certificates, and tells each owner once what
// already stands. It ends when everybody was told; a certificate that hears
// nothing tells by itself.
func (w *Workflows) ImportWorkflow(ctx workflow.Context, in ImportInput) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // cancelling it would leave people untold
	i := &imports{Workflows: w, ImportInput: in, id: workflow.GetInfo(ctx).WorkflowExecution.ID, starting: map[string]start{}}
	if i.Began.IsZero() {
		i.Began, i.News = workflow.Now(ctx).UTC(), workflow.Now(ctx).UTC()
	}
	if err := i.setup(ctx); err != nil {
		return err
	}
	for {
		workflow.SetCurrentDetails(ctx, i.details())
		switch {
		case i.full(ctx) && i.atRest(ctx):
			i.drain(ctx)
			return workflow.NewContinueAsNewError(ctx, w.ImportWorkflow, i.ImportInput)
		case i.over(ctx) && len(i.Found) > 0:
			i.sumUp(ctx)
		case i.over(ctx) && i.atRest(ctx):
			i.drain(ctx)
			if len(i.Found) == 0 {
				return nil
			}
		default:
			i.wait(ctx)
		}
	}
}

// over reports whether nothing more is to be waited for.
func (i *imports) over(ctx workflow.Context) bool {
	now := workflow.Now(ctx)
	late := !now.Before(i.News.Add(importPatience)) || !now.Before(i.Began.Add(importLimit))
	return i.enrolling == 0 && (i.Sealed && len(i.Awaited) == 0 || late)
}

// full reports whether this run should hand over to the next.
func (i *imports) full(ctx workflow.Context) bool {
	return i.started >= importRun || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

func (i *imports) atRest(ctx workflow.Context) bool {
	return i.enrolling == 0 && workflow.AllHandlersFinished(ctx)
}

func (i *imports) wait(ctx workflow.Context) {
	seen := i.changes
	until := i.News.Add(importPatience)
	if end := i.Began.Add(importLimit); end.Before(until) {
		until = end
	}
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	left := until.Sub(workflow.Now(ctx))
	if left <= 0 { // something is under way and will change
		_ = workflow.Await(ctx, func() bool { return i.changes != seen || i.over(ctx) && i.atRest(ctx) })
		return
	}
	timer := workflow.NewTimerWithOptions(timerCtx, left, workflow.TimerOptions{Summary: brief("wait for more until " + clock(until) + ", then sum up")})
	_ = workflow.Await(ctx, func() bool {
		return i.changes != seen || timer.IsReady() || (i.over(ctx) || i.full(ctx)) && i.atRest(ctx)
	})
}

// heard notes that something happened.
func (i *imports) heard(ctx workflow.Context) {
	i.News = workflow.Now(ctx).UTC()
	i.changes++
}

func (i *imports) drain(ctx workflow.Context) {
	receive(i.reports, func(r Report) { i.reported(ctx, r) })
}

// reported takes in how a certificate stands; one that reports twice counts once.
func (i *imports) reported(ctx workflow.Context, r Report) {
	i.heard(ctx)
	i.Awaited = slices.DeleteFunc(i.Awaited, func(name string) bool { return name == r.Name })
	if r.Severity == "" || slices.ContainsFunc(i.Found, func(f Report) bool { return f.Name == r.Name }) {
		return
	}
	i.Found = append(i.Found, r)
}

func (i *imports) details() string {
	return fmt.Sprintf("%d enrolled, %d refused; %d have not reported yet; %d are to be summed up; %d summaries were sent\n",
		i.Enrolled, i.Refused, len(i.Awaited), len(i.Found), i.Summaries)
}
