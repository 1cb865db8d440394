package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// remedy is what shall be done about one broken place.
type remedy struct {
	Helps bool   `json:"helps"`
	Why   string `json:"why,omitempty"`
}

// rollBack puts back what broken places had before, where that helps, and
// proves that it is back.
func (r *renewal) rollBack(ctx workflow.Context, seen []cert.Observation) []cert.Observation {
	broken := r.at(refusedBy)
	var remedies []remedy
	err := workflow.SideEffectWithOptions(ctx, workflow.SideEffectOptions{Summary: "decide where rolling back helps"}, func(workflow.Context) any {
		out := make([]remedy, len(broken))
		for i, p := range broken {
			out[i].Helps, out[i].Why = lifecycle.RollBackHelps(workflow.Now(ctx), p.before, slices.Contains(r.in.Revoked, p.before.Fingerprint))
		}
		return out
	}).Get(&remedies)
	if err != nil {
		panic(err)
	}
	done := 0
	for i, p := range broken {
		workflow.GoNamed(ctx, "roll back "+p.target, func(ctx workflow.Context) {
			r.restore(ctx, p, remedies[i])
			done++
		})
	}
	_ = workflow.Await(ctx, func() bool { return done == len(broken) })
	return r.proveBack(ctx, seen)
}

func (r *renewal) restore(ctx workflow.Context, p *place, m remedy) {
	refusedBefore := p.fault.Kind == activities.Configuration // the target said that its own bytes are back; they are put there again
	if !m.Helps && !refusedBefore {
		p.at, p.cause = doubtful, p.cause+"; not rolled back: "+m.Why
		return
	}
	err := workflow.ExecuteActivity(deployment(ctx, "roll back "+p.target+" to "+orNothing(p.before.Fingerprint)), hands.RollBack, r.deployInput(ctx, p)).Get(ctx, nil)
	if err != nil {
		_, text := activities.FailureOf(err)
		p.at, p.cause = doubtful, p.cause+"; rolling back failed: "+text
		return
	}
	p.at = restored
}

func orNothing(f cert.Fingerprint) string {
	if f == "" {
		return "nothing"
	}
	return f.Short()
}

// proveBack looks whether every restored place has its own previous version.
func (r *renewal) proveBack(ctx workflow.Context, seen []cert.Observation) []cert.Observation {
	back := slices.DeleteFunc(r.at(restored), func(p *place) bool { return p.before.Fingerprint == "" })
	if len(back) == 0 {
		return seen
	}
	in := r.verifyInput(back, r.fedBack(back))
	in.Of = map[string]cert.Fingerprint{}
	for _, p := range back {
		in.Of[p.target] = p.before.Fingerprint
		in.Want = append(in.Want, p.before.Fingerprint)
	}
	if len(r.at(proven, unseen)) > 0 { // an endpoint that names no target may show either
		in.Want = append(in.Want, r.version.Fingerprint)
	}
	v, err := r.verify(ctx, "prove that the previous version is back", in)
	for _, p := range back {
		why := p.lacks(v.Observations, in)
		if err != nil {
			_, why = activities.FailureOf(err)
		}
		if why != "" {
			p.at, p.cause = doubtful, p.cause+"; the previous version is not proven to be back: "+why
		}
	}
	return slices.Concat(slices.DeleteFunc(seen, func(o cert.Observation) bool {
		return slices.ContainsFunc(v.Observations, func(n cert.Observation) bool { return n.Where() == o.Where() })
	}), v.Observations)
}

func (r *renewal) fedBack(places []*place) []cert.Endpoint {
	var out []cert.Endpoint
	for _, e := range r.in.Endpoints {
		if e.Target == "" || slices.ContainsFunc(places, func(p *place) bool { return p.target == e.Target }) {
			out = append(out, e)
		}
	}
	return out
}
