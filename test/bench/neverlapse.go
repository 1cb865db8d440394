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
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// neverlapse renews through the whole workflow: the engine decides, the CA
// issues, the store keeps it sealed with fsync, a file target gets it, and it is
// read back as the proof. The enrolment and first issuance before do not count.
func neverlapse(ctx context.Context, w *world) (func(int) (time.Duration, error), func(), error) {
	if err := w.StartWorker(ctx); err != nil {
		return nil, nil, err
	}
	c, err := w.Client()
	if err != nil {
		return nil, nil, err
	}
	first := make([]cert.Fingerprint, w.n)
	_, err = w.each(timed(func(i int) (err error) {
		first[i], err = enrolled(ctx, c, i)
		return err
	}))
	for i := range first {
		err = errors.Join(err, w.settled(ctx, c, i, first[i]))
	}
	if err == nil {
		w.alone, err = alone(ctx, w, c)
	}
	return func(i int) (time.Duration, error) { return renewed(ctx, c, i, first[i]) }, func() { c.Close(); w.Worker.Stop() }, err
}

// settled waits until a certificate has nothing left to do.
func (w *world) settled(ctx context.Context, c client.Client, i int, live cert.Fingerprint) error {
	return harness.WaitFor(ctx, name(i)+" to rest", func() (bool, error) {
		s, err := w.Status(ctx, c, name(i))
		return err == nil && s.State.Live.Fingerprint == live && len(s.State.Flights) == 0 && s.Unread == 0, err
	})
}

func renewalID(i int, old cert.Fingerprint) string { return "renewal/" + name(i) + "/" + old.Short() }

func name(i int) string { return fmt.Sprintf("bench-%d", i) }

func enrolled(ctx context.Context, c client.Client, i int) (cert.Fingerprint, error) {
	in := workflows.EnrollmentInput{AdmitRequest: activities.AdmitRequest{
		Name: name(i), Names: []string{name(i) + ".test"}, Managed: true, CA: "pebble", Targets: []string{fmt.Sprintf("place-%d", i)}, By: "bench",
	}}
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

// renewed asks for a renewal and gives how long it took, until who asked knows
// that its workflow has ended.
func renewed(ctx context.Context, c client.Client, i int, old cert.Fingerprint) (time.Duration, error) {
	began := time.Now()
	if _, err := workflows.RenewNow.Call(ctx, c, name(i), workflows.RenewRequest{Request: workflows.Request{By: "bench"}, New: true}); err != nil {
		return 0, err
	}
	_, err := ended(ctx, c, renewalID(i, old))
	return time.Since(began), err
}

// ended waits for a workflow that is about to be started, and for its end.
// Asking for what is not there yet costs the engine, so it is not asked often.
func ended(ctx context.Context, c client.Client, id string) (workflows.RenewalOutput, error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		var out workflows.RenewalOutput
		err := c.GetWorkflow(ctx, id, "").Get(ctx, &out)
		if missing := new(serviceerror.NotFound); errors.As(err, &missing) && ctx.Err() == nil {
			time.Sleep(pause)
			continue
		}
		if err == nil && out.Kind != "proven" {
			err = fmt.Errorf("%s ended as %s: %s", id, out.Kind, out.Cause)
		}
		return out, err
	}
}
