package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

const (
	// gatherFor is how long a batch waits for more rows.
	gatherFor = 50 * time.Millisecond
	// batchRows is how many rows a batch has at most, and senders how many batches
	// are under way at once; a server takes ten updates of one workflow.
	batchRows = 12
	senders   = 4
	// handOver is how long to wait before a batch is sent again that met the
	// import between two of its runs.
	handOver = 200 * time.Millisecond
)

// importing sends rows to the import workflow of a file, several at once.
type importing struct {
	*cli
	id    string
	queue chan pending
}

// pending is a row that waits for its answer.
type pending struct {
	row    workflows.EnrollmentRow
	answer chan<- error
}

// importOf names the import by the content of the file: a run that was cut
// short is continued by the next, and each owner is still told once.
func (c *cli) importOf(data []byte) *importing {
	sum := sha256.Sum256(data)
	return &importing{cli: c, id: workflows.ImportID(hex.EncodeToString(sum[:8])), queue: make(chan pending)}
}

// enroll has one row enrolled; a refusal is a lifecycle.Refusal.
func (i *importing) enroll(ctx context.Context, row workflows.EnrollmentRow) error {
	answer := make(chan error, 1)
	select {
	case i.queue <- pending{row, answer}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve sends rows in batches until ctx ends; the answer waits for that.
func (i *importing) serve(ctx context.Context) (wait func()) {
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for ctx.Err() == nil {
				if batch := i.gather(ctx); len(batch) > 0 {
					i.send(ctx, batch)
				}
			}
		})
	}
	return all.Wait
}

// gather waits for a row, and a moment longer for others.
func (i *importing) gather(ctx context.Context) []pending {
	var batch []pending
	select {
	case p := <-i.queue:
		batch = append(batch, p)
	case <-ctx.Done():
		return nil
	}
	full := time.After(gatherFor)
	for len(batch) < batchRows {
		select {
		case p := <-i.queue:
			batch = append(batch, p)
		case <-full:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// send has a batch enrolled and answers every row of it.
func (i *importing) send(ctx context.Context, batch []pending) {
	rows := make([]workflows.EnrollmentRow, len(batch))
	for n, p := range batch {
		rows[n] = p.row
	}
	var out workflows.EnrollManyResult
	err := i.update(ctx, workflows.UpdateEnrollMany, func(r workflows.Request) any { return workflows.EnrollManyRequest{Request: r, Rows: rows} }, &out)
	if err == nil && len(out.Refused) != len(batch) {
		err = errors.New("the worker is of another version: it did not answer for every row")
	}
	for n, p := range batch {
		switch {
		case err != nil:
			p.answer <- err
		case out.Refused[n] != "":
			p.answer <- lifecycle.Refusal{Text: out.Refused[n]}
		default:
			p.answer <- nil
		}
	}
}

// complete tells the import that no more rows come. One that ended by itself has told.
func (i *importing) complete(ctx context.Context) error {
	conn, err := i.connect(ctx)
	if err != nil {
		return err
	}
	req, err := i.request("")
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, i.patience(admissionPatience))
	defer cancel()
	h, err := conn.UpdateWorkflow(waiting, client.UpdateWorkflowOptions{
		UpdateID: req.ID, WorkflowID: i.id, UpdateName: workflows.UpdateComplete, Args: []any{req}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = h.Get(waiting, nil)
	}
	if isA[*serviceerror.NotFound](err) {
		return nil
	}
	return err
}

// update sends an update to the import, which it starts if it does not run.
func (i *importing) update(ctx context.Context, name string, args func(workflows.Request) any, out any) error {
	conn, err := i.connect(ctx)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, i.patience(admissionPatience))
	defer cancel()
	for {
		req, err := i.request("")
		if err != nil {
			return err
		}
		start := conn.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID: i.id, TaskQueue: i.config.Temporal.TaskQueue, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary: "import of " + req.By,
		}, (&workflows.Workflows{}).ImportWorkflow, workflows.ImportInput{})
		h, err := conn.UpdateWithStartWorkflow(waiting, client.UpdateWithStartWorkflowOptions{StartWorkflowOperation: start, UpdateOptions: client.UpdateWorkflowOptions{
			UpdateID: req.ID, UpdateName: name, Args: []any{args(req)}, WaitForStage: client.WorkflowUpdateStageCompleted,
		}})
		if err == nil {
			err = h.Get(waiting, out)
		}
		app, said := errors.AsType[*temporal.ApplicationError](err)
		if !said || app.Type() != workflows.Busy {
			return outOfPatience(ctx, waiting, err)
		}
		select {
		case <-time.After(handOver):
		case <-waiting.Done():
			return outOfPatience(ctx, waiting, waiting.Err())
		}
	}
}

// outOfPatience names the cause when our own patience ended.
func outOfPatience(ctx, waiting context.Context, err error) error {
	if err != nil && waiting.Err() != nil && ctx.Err() == nil && !noEngine(err) {
		return errUnanswered
	}
	return err
}
