package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// plan is what the brain planned; without a plan all targets are one batch.
func (in RenewalInput) plan() []lifecycle.Batch {
	if len(in.Batches) > 0 {
		return in.Batches
	}
	return []lifecycle.Batch{{Targets: in.Targets}}
}

// rollOut takes the targets batch by batch through installing and proving. What
// failed is rolled back, and the gate says whether the next batch begins.
func (r *renewal) rollOut(ctx workflow.Context) []cert.Observation {
	r.arrange(ctx)
	for rest := r.rest; len(rest) > 0; rest = r.rest {
		batch := rest[0]
		r.batch, r.rest = r.batch+1, rest[1:]
		group := r.enter(batch)
		r.doing(ctx, lifecycle.Installing)
		together(ctx, "target", group, r.deploy)
		r.doing(ctx, lifecycle.Proving)
		r.see(r.prove(ctx, "prove: handshake with every place"))
		v := r.pass(ctx, batch, group, false)
		if v.Bake > 0 {
			r.bake(ctx, v.Bake)
			r.again(ctx, group)
			v = r.pass(ctx, batch, group, true)
		}
		if v.Undo || v.Stop {
			r.record.Failed, r.record.Undone, r.record.Why = r.batch, v.Undo, v.Why
			break
		}
	}
	for _, p := range r.at(lifecycle.StageWaiting) {
		if !p.failed {
			p.move(ctx, lifecycle.StageUntouched)
		}
	}
	return r.seen
}

// arrange lays out the plan.
func (r *renewal) arrange(ctx workflow.Context) {
	r.rest = r.in.plan()
	r.record = &lifecycle.Rollout{Version: r.version.Fingerprint, Began: workflow.Now(ctx)}
	for i, b := range r.rest {
		for _, t := range b.Targets {
			r.places = append(r.places, &place{target: t, at: lifecycle.StageWaiting, batch: i + 1, canary: b.Canary})
		}
	}
}

// enter gives the places of the batch, and renumbers what the plan moved.
func (r *renewal) enter(b lifecycle.Batch) []*place {
	var group []*place
	for i, later := range append([]lifecycle.Batch{b}, r.rest...) {
		for _, t := range later.Targets {
			for _, p := range r.places {
				if p.target == t {
					p.batch, p.canary = r.batch+i, later.Canary
					if i == 0 {
						group = append(group, p)
					}
				}
			}
		}
	}
	return group
}

// onTarget has the target of a place do one thing; no other code decides where
// and how long.
func (r *renewal) onTarget(ctx workflow.Context, p *place, summary string, do, out any) error {
	if p.host.name != "" {
		summary += "; on host " + p.host.name
	}
	return workflow.ExecuteActivity(p.host.on(deployment(ctx, summary)), do, r.deployInput(ctx, p)).Get(ctx, out)
}

// prepare is asked here first, and again of the host if the target lives on one.
func (r *renewal) prepare(ctx workflow.Context, p *place) error {
	summary := "prepare " + p.target + ": keep what is there, check it"
	var was activities.Prepared
	err := r.onTarget(ctx, p, summary, hands.Prepare, &was)
	if err == nil && was.Host != "" {
		p.host, was = host{was.Host, was.Wait}, activities.Prepared{}
		err = r.onTarget(ctx, p, summary, hands.Prepare, &was)
	}
	p.before, p.lost = was.Version, was.Lost
	return err
}

func (r *renewal) deployInput(ctx workflow.Context, p *place) activities.DeployInput {
	in := activities.DeployInput{Name: r.in.Name, Names: r.in.Names, Fingerprint: r.version.Fingerprint, Target: p.target,
		Deployment: workflow.GetInfo(ctx).WorkflowExecution.RunID, AcceptIrreversible: r.in.AcceptIrreversible}
	if r.in.Purpose == string(lifecycle.ForRenewal) {
		in.Replacement = r.in.workflowID()
	}
	return in
}

// deploy takes one target through preparing and installing.
func (r *renewal) deploy(ctx workflow.Context, _ int, p *place) {
	if err := r.prepare(ctx, p); err != nil {
		p.fail(ctx, err, lifecycle.StageWaiting)
		return
	}
	p.move(ctx, lifecycle.StagePrepared)
	if err := r.onTarget(ctx, p, "install "+r.version.Fingerprint.Short()+" on "+p.target, hands.Install, nil); err != nil {
		p.fail(ctx, err, lifecycle.StageRefused)
		return
	}
	p.move(ctx, lifecycle.StageInstalled)
}

// pass asks the gate, and puts back what it says.
func (r *renewal) pass(ctx workflow.Context, b lifecycle.Batch, group []*place, baked bool) lifecycle.Verdict {
	v := r.gate(ctx, b, group, baked)
	back := r.at(lifecycle.StageRefused)
	if v.Undo {
		back = r.at(lifecycle.StageRefused, lifecycle.StageProven, lifecycle.StageUnseen)
	}
	if len(back) > 0 {
		r.doing(ctx, lifecycle.RollingBack)
		r.rollBack(ctx, back, v.Why)
	}
	if v.Rest != nil {
		r.rest = v.Rest
	}
	return v
}

// gate decides whether the next batch may begin. Where nothing was planned one
// failure never stops the others, and nothing is to be decided.
func (r *renewal) gate(ctx workflow.Context, b lifecycle.Batch, group []*place, baked bool) lifecycle.Verdict {
	if len(r.in.Batches) == 0 {
		return lifecycle.Verdict{}
	}
	p := lifecycle.Progress{Batch: b, Rest: r.rest, Of: len(r.places), MayFail: r.in.MayFail, Baked: baked, StoodIn: r.batch - 1}
	if r.in.Purpose == string(lifecycle.ForRenewal) && r.in.Replaces != "" {
		p.SafeBy = r.in.SafeBy
	}
	for _, x := range r.places {
		if x.failed && !x.fault.Own {
			p.Failed++
		}
	}
	for _, x := range group {
		switch {
		case x.unclear():
			p.Unclear++
		case x.failed:
			p.Broken++
		case x.at == lifecycle.StageProven:
			p.Proven++
		}
	}
	var v lifecycle.Verdict
	err := workflow.SideEffectWithOptions(ctx, workflow.SideEffectOptions{Summary: brief(fmt.Sprintf("decide what follows batch %d", r.batch))}, func(workflow.Context) any {
		return lifecycle.Gate(workflow.Now(ctx), p)
	}).Get(&v)
	if err != nil {
		panic(err)
	}
	return v
}

// bake leaves the batch alone for a while.
func (r *renewal) bake(ctx workflow.Context, long time.Duration) {
	r.record.Until = workflow.Now(ctx).Add(long)
	r.doing(ctx, lifecycle.Baking)
	summary := fmt.Sprintf("batch %d of %d bakes until %s", r.batch, r.batch+len(r.rest), clock(r.record.Until))
	_ = workflow.NewTimerWithOptions(ctx, long, workflow.TimerOptions{Summary: brief(summary)}).Get(ctx, nil)
	r.record.Until = time.Time{}
}

// again proves a batch once more after its bake.
func (r *renewal) again(ctx workflow.Context, group []*place) {
	for _, p := range only(group, lifecycle.StageProven) {
		p.at = lifecycle.StageInstalled
	}
	r.doing(ctx, lifecycle.Proving)
	r.see(r.prove(ctx, fmt.Sprintf("prove batch %d again after its bake", r.batch)))
}
