package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

// neverlapse renews through the whole workflow: the engine decides, the CA
// issues, the store keeps it sealed with fsync, a file target gets it, and it is
// read back as the proof. The last duration is that of all renewals together;
// the enrolment and first issuance before it do not count.
func neverlapse(ctx context.Context, w *world) ([]time.Duration, error) {
	if err := w.StartWorker(ctx); err != nil {
		return nil, err
	}
	defer w.Worker.Stop()
	c, err := w.Client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	first := make([]cert.Fingerprint, w.n)
	if _, err = w.each(func(i int) (err error) {
		first[i], err = enrolled(ctx, c, i)
		return err
	}); err != nil {
		return nil, err
	}
	began := time.Now()
	took, err := w.each(func(i int) error { return renewed(ctx, c, i, first[i]) })
	return append(took, time.Since(began)), err
}

func name(i int) string { return fmt.Sprintf("bench-%d", i) }

func enrolled(ctx context.Context, c client.Client, i int) (cert.Fingerprint, error) {
	in := workflows.EnrollmentInput{AdmitRequest: activities.AdmitRequest{
		Name: name(i), Names: []string{name(i) + ".test"}, Managed: true, CA: "pebble", Targets: []string{fmt.Sprintf("place-%d", i)},
	}, By: "bench"}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.EnrollmentID(in.Name), TaskQueue: "neverlapse"}, "EnrollmentWorkflow", in)
	if err == nil {
		err = run.Get(ctx, nil)
	}
	if err != nil {
		return "", err
	}
	out, err := ended(ctx, c, "renewal/"+in.Name+"/first")
	return out.Version.Fingerprint, err
}

// renewed asks for a renewal and waits until its workflow has proven it.
func renewed(ctx context.Context, c client.Client, i int, old cert.Fingerprint) error {
	for {
		_, err := workflows.RenewNow.Call(ctx, c, name(i), workflows.RenewRequest{Request: workflows.Request{By: "bench"}, New: true})
		if err == nil {
			break
		}
		if ctx.Err() != nil { // until the entity has heard of the first one's end it refuses
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	_, err := ended(ctx, c, "renewal/"+name(i)+"/"+old.Short())
	return err
}

func ended(ctx context.Context, c client.Client, id string) (workflows.RenewalOutput, error) {
	for {
		var out workflows.RenewalOutput
		err := c.GetWorkflow(ctx, id, "").Get(ctx, &out)
		if missing := new(serviceerror.NotFound); errors.As(err, &missing) {
			time.Sleep(2 * time.Millisecond)
			continue
		}
		if err == nil && out.Kind != "proven" {
			err = fmt.Errorf("%s ended as %s: %s", id, out.Kind, out.Cause)
		}
		return out, err
	}
}
