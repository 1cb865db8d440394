package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// place is one target on its way through the attempt.
type place struct {
	target string
	before cert.Version // what was there; empty if nothing
	at     stage
	fault  activities.Failure
	cause  string
}

type stage string

const (
	waiting   stage = "waiting"   // nothing was done there
	prepared  stage = "prepared"  // captured, nothing changed
	installed stage = "installed" // written, checked, reloaded
	behind    stage = "behind"    // out of reach
	refusedBy stage = "refused"   // the target failed; it may be touched
	unseen    stage = "unseen"    // installed, and nobody could look
	proven    stage = "proven"
	restored  stage = "restored" // the previous version is back and proven
	doubtful  stage = "doubtful" // nobody knows what it serves, or rolling back would not help
)

// rollOut takes every target through preparing and installing, in parallel; one
// that fails holds up no other.
func (r *renewal) rollOut(ctx workflow.Context) {
	for _, t := range r.in.Targets {
		r.places = append(r.places, &place{target: t, at: waiting})
	}
	done := 0
	for _, p := range r.places {
		workflow.GoNamed(ctx, "target "+p.target, func(ctx workflow.Context) {
			r.deploy(ctx, p)
			done++
		})
	}
	_ = workflow.Await(ctx, func() bool { return done == len(r.places) })
}

func (r *renewal) deployInput(ctx workflow.Context, p *place) activities.DeployInput {
	in := activities.DeployInput{Name: r.in.Name, Names: r.in.Names, Fingerprint: r.version.Fingerprint, Target: p.target,
		Deployment: workflow.GetInfo(ctx).WorkflowExecution.RunID}
	if r.in.Purpose == string(lifecycle.ForRenewal) {
		in.Replacement = r.in.workflowID()
	}
	return in
}

func (r *renewal) deploy(ctx workflow.Context, p *place) {
	in := r.deployInput(ctx, p)
	err := workflow.ExecuteActivity(deployment(ctx, "prepare "+p.target+": keep what is there, check it"), hands.Prepare, in).Get(ctx, &p.before)
	if err != nil {
		p.fail(err, waiting)
		return
	}
	p.at = prepared
	err = workflow.ExecuteActivity(deployment(ctx, "install "+r.version.Fingerprint.Short()+" on "+p.target), hands.Install, in).Get(ctx, nil)
	if err != nil {
		p.fail(err, refusedBy)
		return
	}
	p.at = installed
}

func (p *place) fail(err error, at stage) {
	p.at = at
	p.fault, p.cause = activities.FailureOf(err)
	if p.fault.Kind == activities.Unavailable && !p.fault.Own {
		p.at = behind
	}
}

func (r *renewal) at(stages ...stage) []*place {
	var out []*place
	for _, p := range r.places {
		if slices.Contains(stages, p.at) {
			out = append(out, p)
		}
	}
	return out
}

func (r *renewal) broken() bool { return len(r.at(refusedBy)) > 0 }
