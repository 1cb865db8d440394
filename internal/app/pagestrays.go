package app

import (
	"context"
	"errors"
	"maps"
	"slices"

	"go.temporal.io/api/serviceerror"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// pageStrays are the certificates that nobody enrolled, for the page. What is
// decided about them is decided by the activities, as for the CLI.
type pageStrays struct{ app *App }

// Strays lists them.
func (s pageStrays) Strays(ctx context.Context, q estate.TriageQuery) (estate.TriageList, error) {
	return s.app.acts.ListTriage(ctx, q)
}

// Triage keeps a decision.
func (s pageStrays) Triage(ctx context.Context, order estate.TriageOrder) error {
	_, err := s.app.acts.Triage(ctx, order)
	if err == nil {
		return nil
	}
	if f, text := activities.FailureOf(err); slices.Contains([]fault.Kind{fault.Invalid, fault.NotFound}, f.Kind) {
		return lifecycle.Refusal{Text: text}
	}
	return err
}

// Enroll takes one in.
func (s pageStrays) Enroll(ctx context.Context, in workflows.EnrollmentInput) error {
	_, err := workflows.Enroll(ctx, s.app.client, s.app.config.Temporal.TaskQueue, in)
	if text := workflows.RefusedText(err); text != "" {
		return lifecycle.Refusal{Text: text}
	}
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return lifecycle.Refusal{Text: "an enrolment of " + in.Name + " is under way already"}
	}
	return err
}

// Means are the CAs that can issue and the targets that can receive a certificate.
func (s pageStrays) Means() (cas, targets []string) {
	all := slices.AppendSeq(slices.Collect(maps.Keys(s.app.acts.Targets)), maps.Keys(s.app.acts.Hosts))
	slices.Sort(all)
	return slices.Sorted(maps.Keys(s.app.acts.CAs)), slices.Compact(all)
}
