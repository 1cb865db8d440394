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

// rollBack puts back what places had before, where that helps, and proves that
// it is back. A place that did not fail itself is undone because of others.
func (r *renewal) rollBack(ctx workflow.Context, places []*place, why string) {
	var remedies []remedy
	err := workflow.SideEffectWithOptions(ctx, workflow.SideEffectOptions{Summary: "decide where rolling back helps"}, func(workflow.Context) any {
		out := make([]remedy, len(places))
		for i, p := range places {
			out[i].Helps, out[i].Why = lifecycle.RollBackHelps(workflow.Now(ctx), p.before, slices.Contains(r.in.Revoked, p.before.Fingerprint), p.lost)
		}
		return out
	}).Get(&remedies)
	if err != nil {
		panic(err)
	}
	for _, p := range places {
		if !p.failed {
			p.because("undone with the others: " + why)
		}
	}
	together(ctx, "roll back", places, func(ctx workflow.Context, i int, p *place) { r.restore(ctx, p, remedies[i]) })
	r.proveBack(ctx)
}

func (r *renewal) restore(ctx workflow.Context, p *place, m remedy) {
	refusedBefore := p.fault.Kind == activities.Configuration // the target said that its own bytes are back; they are put there again
	if !m.Helps && !refusedBefore {
		if p.because("not rolled back: " + m.Why); p.failed {
			p.move(ctx, lifecycle.StageDoubtful)
		}
		return
	}
	err := r.onTarget(ctx, p, "roll back "+p.target+" to "+orNothing(p.before.Fingerprint), hands.RollBack, nil)
	if err != nil {
		_, text := p.host.failure(err)
		p.because("rolling back failed: " + text)
		p.move(ctx, lifecycle.StageDoubtful)
		return
	}
	p.move(ctx, lifecycle.StageRestored)
}

func orNothing(f cert.Fingerprint) string {
	if f == "" {
		return "nothing"
	}
	return f.Short()
}

// proveBack looks whether every place that was just restored has its own
// previous version.
func (r *renewal) proveBack(ctx workflow.Context) {
	back := slices.DeleteFunc(r.at(lifecycle.StageRestored), func(p *place) bool { return p.before.Fingerprint == "" || p.back })
	if len(back) == 0 {
		return
	}
	in := r.verifyInput(back, r.fedBack(back))
	in.Of = map[string]cert.Fingerprint{}
	for _, p := range back {
		in.Of[p.target] = p.before.Fingerprint
		in.Want = append(in.Want, p.before.Fingerprint)
	}
	if len(r.at(lifecycle.StageProven, lifecycle.StageUnseen)) > 0 { // an endpoint that names no target may show either
		in.Want = append(in.Want, r.version.Fingerprint)
	}
	v := r.verify(ctx, "prove that the previous version is back", in)
	for _, p := range back {
		why := p.lacks(v.Observations, in)
		if h, err := v.failed(p); err != nil {
			_, why = h.failure(err)
		}
		p.back = true
		if why != "" {
			p.because("the previous version is not proven to be back: " + why)
			p.move(ctx, lifecycle.StageDoubtful)
		}
	}
	r.see(v.Observations)
}

// fedBack lists the endpoints that show these places; what names no target only
// where no batch is still to come, whose targets may have anything.
func (r *renewal) fedBack(places []*place) []cert.Endpoint {
	var out []cert.Endpoint
	for _, e := range r.in.Endpoints {
		unnamed := e.Target == "" && !r.in.Part && !slices.ContainsFunc(r.at(lifecycle.StageWaiting), func(p *place) bool { return !p.failed })
		if unnamed || slices.ContainsFunc(places, func(p *place) bool { return p.target == e.Target }) {
			out = append(out, e)
		}
	}
	return out
}
