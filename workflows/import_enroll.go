package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// The updates of an import.
const (
	UpdateEnrollMany = "enroll"   // EnrollManyRequest -> EnrollManyResult
	UpdateComplete   = "complete" // Request -> Taken: no more rows come
)

// MaxBatch is how many certificates one update may enrol.
const MaxBatch = 50

// Busy is the type of the refusal of a batch that may be sent again at once.
const Busy = "Busy"

// EnrollmentRow is one certificate to watch.
type EnrollmentRow struct {
	activities.AdmitRequest
	// Seen is what the sender saw served. Where its thresholds passed, the import
	// waits for the certificate's own word.
	Seen cert.Version `json:"seen,omitzero"`
}

// EnrollManyRequest asks to watch many certificates.
type EnrollManyRequest struct {
	Request
	Rows []EnrollmentRow `json:"rows"`
}

// EnrollManyResult has one text for each row: why it was refused; empty if it is
// enrolled.
type EnrollManyResult struct {
	Refused []string `json:"refused"`
}

// setup registers every message before anything blocks.
func (i *imports) setup(ctx workflow.Context) error {
	i.reports = workflow.GetSignalChannelWithOptions(ctx, SignalReported, workflow.SignalChannelOptions{Description: "a certificate tells how it stands"})
	workflow.GoNamed(ctx, "reports", func(ctx workflow.Context) {
		for {
			_ = workflow.Await(ctx, func() bool { return i.reports.Len() > 0 })
			i.drain(ctx)
		}
	})
	err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateEnrollMany, i.enroll, workflow.UpdateHandlerOptions{
		Description: "Watch these certificates", Validator: func(ctx workflow.Context, in EnrollManyRequest) error {
			switch {
			case len(in.Rows) == 0 || len(in.Rows) > MaxBatch:
				return temporal.NewNonRetryableApplicationError(fmt.Sprintf("%d rows; send 1 to %d at once", len(in.Rows), MaxBatch), refused, nil)
			case i.full(ctx):
				return temporal.NewNonRetryableApplicationError("the import hands over to its next run; send it again", Busy, nil)
			}
			return nil
		}})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateComplete, func(ctx workflow.Context, _ Request) (Taken, error) {
		i.Sealed = true
		i.heard(ctx)
		return Taken{"each owner is told once of what already stands"}, nil
	}, workflow.UpdateHandlerOptions{Description: "No more rows come: sum up"})
}

// enroll admits a batch and starts the certificates that were admitted.
func (i *imports) enroll(ctx workflow.Context, in EnrollManyRequest) (EnrollManyResult, error) {
	i.enrolling++
	i.Sealed = false
	i.heard(ctx)
	defer func() {
		i.enrolling--
		i.heard(ctx)
	}()
	asked := make([]activities.AdmitRequest, len(in.Rows))
	for n, r := range in.Rows {
		asked[n] = r.AdmitRequest
		asked[n].By, asked[n].Via = in.By, in.Via
	}
	var verdicts []activities.Verdict
	if err := workflow.ExecuteActivity(quick(ctx, fmt.Sprintf("admit %d certificates", len(asked))), hands.AdmitWatched, asked).Get(ctx, &verdicts); err != nil {
		return EnrollManyResult{}, err
	}
	out := EnrollManyResult{Refused: make([]string, len(in.Rows))}
	born := make([]workflow.Future, len(in.Rows))
	for n, v := range verdicts {
		if out.Refused[n] = v.Refused; v.Refused == "" {
			born[n], out.Refused[n] = i.begin(ctx, in, n, v.Admitted)
		}
	}
	for n, b := range born {
		if b != nil {
			out.Refused[n] = i.begun(ctx, in.Rows[n].Name, b.Get(ctx, nil))
		}
		if out.Refused[n] != "" {
			i.Refused++
		}
	}
	return out, nil
}

// begin starts one certificate; what stands for it now waits for the summary.
// One that a run of the CLI that was cut short is just starting is started once.
func (i *imports) begin(ctx workflow.Context, in EnrollManyRequest, n int, admitted activities.Admitted) (workflow.Future, string) {
	spec, err := specOf(in.Rows[n].AdmitRequest, admitted)
	if err != nil {
		return nil, err.Error()
	}
	if s, ok := i.starting[spec.Name]; ok {
		return s.child, ""
	}
	now := workflow.Now(ctx).UTC()
	i.started++
	seen := in.Rows[n].Seen
	awaited := seen.Fingerprint != "" && lifecycle.PlanOf(seen, nil, spec.Policy).Level(now) >= 0
	waits := awaited && !slices.Contains(i.Awaited, spec.Name)
	if waits {
		i.Awaited = append(i.Awaited, spec.Name)
	}
	child := i.guard(ctx, Entity{Sequence: admitted.Sequence, State: lifecycle.State{
		Spec: spec, EnrolledAt: now, EnrolledBy: in.By, TellsDrift: true, Import: &lifecycle.Import{ID: i.id, Until: now.Add(holdFor), Awaited: awaited},
	}})
	i.starting[spec.Name] = start{child, waits}
	return child, ""
}

// begun notes what came of starting a certificate, and says why it was not.
func (i *imports) begun(ctx workflow.Context, name string, err error) string {
	s, first := i.starting[name]
	delete(i.starting, name)
	if err == nil {
		if first {
			i.Enrolled++
		}
		return ""
	}
	if s.waits { // for what another batch started, it is waited as before
		i.Awaited = slices.DeleteFunc(i.Awaited, func(n string) bool { return n == name })
	}
	if alreadyEnrolled(err) {
		return enrolledBefore(name)
	}
	return fmt.Sprintf("%s could not be started: %v", name, err)
}
