package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// RenewalInput is one attempt to replace a version, or to deploy a stated one.
type RenewalInput struct {
	Name      string           `json:"name"`
	Names     []string         `json:"names"`
	CA        string           `json:"ca,omitempty"`
	KeyType   cert.KeyType     `json:"keyType,omitempty"`
	ReuseKey  bool             `json:"reuseKey,omitempty"`
	Profile   string           `json:"profile,omitempty"`
	Endpoints []cert.Endpoint  `json:"endpoints,omitempty"`
	Purpose   string           `json:"purpose"`
	Replaces  cert.Fingerprint `json:"replaces,omitempty"`
	Version   cert.Fingerprint `json:"version,omitempty"`
	Targets   []string         `json:"targets,omitempty"`
	Discard   bool             `json:"discard,omitempty"`
	Attempt   int              `json:"attempt"`
	Proof     time.Duration    `json:"proof"`
	Timeout   time.Duration    `json:"timeout"`
}

func (in RenewalInput) workflowID() string {
	switch {
	case in.Purpose != string(lifecycle.ForRenewal):
		return "deployment/" + in.Name + "/" + in.Version.Short()
	case in.Replaces == "":
		return "renewal/" + in.Name + "/first"
	}
	return "renewal/" + in.Name + "/" + in.Replaces.Short()
}

// RenewalOutput is how the attempt ended; an attempt never fails.
type RenewalOutput struct {
	Kind         string             `json:"kind"`
	Cause        string             `json:"cause,omitempty"`
	RetryAt      time.Time          `json:"retryAt,omitzero"`
	Version      cert.Version       `json:"version,omitzero"`
	Targets      []TargetResult     `json:"targets,omitempty"`
	Observations []cert.Observation `json:"observations,omitempty"`
	At           time.Time          `json:"at"`
}

// TargetResult is what became of one target.
type TargetResult struct {
	Target      string           `json:"target"`
	Fingerprint cert.Fingerprint `json:"fingerprint,omitempty"` // what it has now, as far as proven
	Behind      string           `json:"behind,omitempty"`      // why it could not be reached
}

func (o RenewalOutput) outcome() lifecycle.Outcome {
	out := lifecycle.Outcome{Kind: lifecycle.OutcomeKind(o.Kind), Cause: o.Cause, RetryAt: o.RetryAt, Version: o.Version, Observations: o.Observations, ObservedAt: o.At}
	for _, t := range o.Targets {
		if t.Fingerprint != "" || t.Behind != "" {
			out.Installed = append(out.Installed, lifecycle.Installed{Target: t.Target, Fingerprint: t.Fingerprint, Behind: t.Behind})
		}
	}
	return out
}

// renewal is one attempt.
type renewal struct {
	in      RenewalInput
	version cert.Version
	places  []*place
}

// place is one target on its way through the attempt.
type place struct {
	target string
	before cert.Version // what was there; empty if nothing
	at     stage
	kind   activities.Kind // of the failure
	cause  string
}

type stage string

const (
	waiting   stage = "waiting"   // nothing was done there
	prepared  stage = "prepared"  // captured, nothing changed
	installed stage = "installed" // written, checked, reloaded
	behind    stage = "behind"    // out of reach
	refusedBy stage = "refused"   // the target failed; it may be touched
	proven    stage = "proven"
	restored  stage = "restored" // the previous version is back and proven
	doubtful  stage = "doubtful" // nobody knows what it serves, or rolling back would not help
)

// RenewalWorkflow is one attempt: candidate, order, authorize, finalize, roll
// out, prove; and roll back what could not be proven. It returns an outcome,
// never an error; what follows from it is the certificate's to decide.
func (w *Workflows) RenewalWorkflow(ctx workflow.Context, in RenewalInput) (RenewalOutput, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // half a roll-out is worse than a late one
	r := &renewal{in: in}
	r.tell(ctx, "looking for a version to deploy")
	if out := r.obtain(ctx); out != nil {
		return *out, nil
	}
	r.tell(ctx, "rolling out "+r.version.Fingerprint.Short())
	r.rollOut(ctx)
	r.tell(ctx, "proving "+r.version.Fingerprint.Short())
	seen := r.prove(ctx)
	if r.broken() {
		r.tell(ctx, "rolling back")
		seen = r.rollBack(ctx, seen)
	}
	return r.outcome(ctx, seen), nil
}

func (r *renewal) tell(ctx workflow.Context, what string) {
	lines := []string{fmt.Sprintf("**%s** of `%s`, attempt %d: %s", r.in.Purpose, r.in.Name, r.in.Attempt, what)}
	for _, p := range r.places {
		lines = append(lines, fmt.Sprintf("- target `%s`: %s %s", p.target, p.at, p.cause))
	}
	workflow.SetCurrentDetails(ctx, strings.Join(lines, "\n"))
}

// obtain finds a version to deploy: a stated one, a candidate of an earlier
// attempt, or a new one.
func (r *renewal) obtain(ctx workflow.Context) *RenewalOutput {
	if r.in.Purpose != string(lifecycle.ForRenewal) {
		return r.stored(ctx)
	}
	in := activities.IssueInput{
		Name: r.in.Name, Replaces: r.in.Replaces, Names: r.in.Names, CA: r.in.CA, KeyType: r.in.KeyType,
		ReuseKey: r.in.ReuseKey, Profile: r.in.Profile, Discard: r.in.Discard,
	}
	err := workflow.ExecuteActivity(quick(ctx, "candidate: is a version issued already?"), hands.Candidate, in).Get(ctx, &r.version)
	if err != nil || r.version.Fingerprint != "" {
		return r.failed(ctx, err)
	}
	r.tell(ctx, "ordering from "+r.in.CA)
	if err = workflow.ExecuteActivity(issuance(ctx, "order: "+strings.Join(r.in.Names, ", "), r.in.Timeout), hands.Order, in).Get(ctx, &in.OrderURL); err != nil {
		return r.failed(ctx, err)
	}
	if err = workflow.ExecuteActivity(issuance(ctx, "authorize: answer the challenges", r.in.Timeout), hands.Authorize, in).Get(ctx, nil); err != nil {
		return r.failed(ctx, err)
	}
	err = workflow.ExecuteActivity(issuance(ctx, "finalize: obtain and store the certificate", r.in.Timeout), hands.Finalize, in).Get(ctx, &r.version)
	return r.failed(ctx, err)
}

// stored finds the stated version in the store.
func (r *renewal) stored(ctx workflow.Context) *RenewalOutput {
	var all []cert.Version
	if err := workflow.ExecuteActivity(quick(ctx, "find version "+r.in.Version.Short()), hands.Stored, r.in.Name).Get(ctx, &all); err != nil {
		return r.failed(ctx, err)
	}
	i := slices.IndexFunc(all, func(v cert.Version) bool { return v.Fingerprint == r.in.Version })
	if i < 0 {
		return &RenewalOutput{Kind: string(lifecycle.ConfigurationRefused), At: workflow.Now(ctx),
			Cause: fmt.Sprintf("the store has no version %s of %s: it was not issued here", r.in.Version.Short(), r.in.Name)}
	}
	r.version = all[i]
	return nil
}

// failed turns the error of an issuing step into the outcome; nil if there is none.
func (r *renewal) failed(ctx workflow.Context, err error) *RenewalOutput {
	if err == nil {
		return nil
	}
	f, text := activities.FailureOf(err)
	out := &RenewalOutput{Cause: text, RetryAt: f.RetryAt, At: workflow.Now(ctx)}
	switch f.Kind {
	case activities.Validation, activities.NotFound:
		out.Kind = string(lifecycle.ValidationFailed)
	case activities.Configuration, activities.Invalid:
		out.Kind = string(lifecycle.ConfigurationRefused)
	default:
		out.Kind = string(lifecycle.CAUnavailable)
	}
	return out
}
