package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
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
	return activities.DeployInput{Name: r.in.Name, Names: r.in.Names, Fingerprint: r.version.Fingerprint, Target: p.target,
		Deployment: workflow.GetInfo(ctx).WorkflowExecution.RunID}
}

func (r *renewal) deploy(ctx workflow.Context, p *place) {
	in := r.deployInput(ctx, p)
	err := workflow.ExecuteActivity(deployment(ctx, "prepare "+p.target+": keep what is there, check it", r.in.Timeout), hands.Prepare, in).Get(ctx, &p.before)
	if err != nil {
		p.fail(err, waiting)
		return
	}
	p.at = prepared
	err = workflow.ExecuteActivity(deployment(ctx, "install "+r.version.Fingerprint.Short()+" on "+p.target, r.in.Timeout), hands.Install, in).Get(ctx, nil)
	if err != nil {
		p.fail(err, refusedBy)
		return
	}
	p.at = installed
}

func (p *place) fail(err error, at stage) {
	f, text := activities.FailureOf(err)
	p.at, p.kind, p.cause = at, f.Kind, text
	if f.Kind == activities.Unavailable {
		p.at = behind
	}
}

// prove looks until every endpoint shows the version, or reads the targets back
// where there is no endpoint to look at.
func (r *renewal) prove(ctx workflow.Context) []cert.Observation {
	if len(r.at(installed)) == 0 {
		return nil
	}
	v := r.verify(ctx, "prove: handshake with every place", r.fed(r.at(installed)), r.at(installed), []cert.Fingerprint{r.version.Fingerprint})
	for _, p := range r.at(installed) {
		p.at = proven
		if why := notShown(v.Observations, p, r.version.Fingerprint); why != "" {
			p.at, p.kind, p.cause = refusedBy, activities.Proof, why
		}
	}
	return v.Observations
}

func (r *renewal) verify(ctx workflow.Context, summary string, endpoints []cert.Endpoint, places []*place, want []cert.Fingerprint) activities.Verified {
	in := activities.VerifyInput{Want: want, Timeout: r.in.Proof}
	in.Names, in.Endpoints = r.in.Names, endpoints
	for _, p := range places {
		in.Targets = append(in.Targets, p.target)
	}
	var v activities.Verified
	opts := deployment(ctx, summary, 2*r.in.Proof+3*r.in.Proof/2)
	if err := workflow.ExecuteActivity(opts, hands.Verify, in).Get(ctx, &v); err != nil {
		_, text := activities.FailureOf(err)
		for _, e := range endpoints {
			v.Observations = append(v.Observations, cert.Observation{Endpoint: e, At: workflow.Now(ctx), Err: "nobody looked: " + text})
		}
		for _, t := range in.Targets {
			v.Observations = append(v.Observations, cert.Observation{Target: t, At: workflow.Now(ctx), Err: "nobody looked: " + text})
		}
	}
	return v
}

// fed lists the endpoints that show these places: those that name one of them,
// and those that name none unless a target that is behind may feed them.
func (r *renewal) fed(places []*place) []cert.Endpoint {
	var out []cert.Endpoint
	for _, e := range r.in.Endpoints {
		named := slices.ContainsFunc(places, func(p *place) bool { return p.target == e.Target })
		unnamed := e.Target == "" && len(places) == len(r.places)
		if named || unnamed {
			out = append(out, e)
		}
	}
	return out
}

// notShown tells why a place does not have the version, "" if everything that
// speaks for it shows it. An endpoint that names no target speaks for all.
func notShown(seen []cert.Observation, p *place, want cert.Fingerprint) string {
	for _, o := range seen {
		if !p.speaksFor(o) {
			continue
		}
		if !o.Seen() {
			return fmt.Sprintf("%s: %s", o.Where(), o.Err)
		}
		if o.Version.Fingerprint != want {
			return fmt.Sprintf("%s serves %s (serial %s, until %s) instead of %s", o.Where(), o.Version.Fingerprint.Short(), o.Version.Serial, clock(o.Version.NotAfter), want.Short())
		}
	}
	return ""
}

// speaksFor reports whether an observation shows what a place has.
func (p *place) speaksFor(o cert.Observation) bool {
	if o.Target != "" {
		return o.Target == p.target
	}
	return o.Endpoint.Target == "" || o.Endpoint.Target == p.target
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
			out[i].Helps, out[i].Why = lifecycle.RollBackHelps(workflow.Now(ctx), p.before, false)
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
	refusedBefore := p.kind == activities.Configuration // its own bytes were put back at once
	if !m.Helps && !refusedBefore {
		p.at, p.cause = doubtful, p.cause+"; not rolled back: "+m.Why
		return
	}
	err := workflow.ExecuteActivity(deployment(ctx, "roll back "+p.target+" to "+orNothing(p.before.Fingerprint), r.in.Timeout), hands.RollBack, r.deployInput(ctx, p)).Get(ctx, nil)
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

func (r *renewal) proveBack(ctx workflow.Context, seen []cert.Observation) []cert.Observation {
	var back []*place
	var want []cert.Fingerprint
	for _, p := range r.at(restored) {
		if p.before.Fingerprint != "" {
			back, want = append(back, p), append(want, p.before.Fingerprint)
		}
	}
	if len(back) == 0 {
		return seen
	}
	if len(r.at(proven)) > 0 { // an endpoint that names no target may show either
		want = append(want, r.version.Fingerprint)
	}
	v := r.verify(ctx, "prove that the previous version is back", r.fedBack(back), back, want)
	for _, p := range back {
		if why := notBack(v.Observations, p, want); why != "" {
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

func notBack(seen []cert.Observation, p *place, want []cert.Fingerprint) string {
	for _, o := range seen {
		if !p.speaksFor(o) {
			continue
		}
		if !o.Seen() {
			return fmt.Sprintf("%s: %s", o.Where(), o.Err)
		}
		if !slices.Contains(want, o.Version.Fingerprint) {
			return fmt.Sprintf("%s serves %s", o.Where(), o.Version.Fingerprint.Short())
		}
	}
	return ""
}

// outcome sums the places up; the worst decides.
func (r *renewal) outcome(ctx workflow.Context, seen []cert.Observation) RenewalOutput {
	out := RenewalOutput{Version: r.version, Observations: seen, At: workflow.Now(ctx), Kind: string(lifecycle.Proven)}
	var causes []string
	for _, p := range r.places {
		t := TargetResult{Target: p.target}
		switch p.at {
		case proven:
			t.Fingerprint = r.version.Fingerprint
		case behind:
			t.Behind = p.cause
		case restored:
			t.Fingerprint = p.before.Fingerprint
		}
		out.Targets = append(out.Targets, t)
		if p.cause != "" {
			causes = append(causes, p.target+": "+p.cause)
		}
	}
	out.Cause = strings.Join(causes, "\n")
	switch {
	case len(r.at(doubtful)) > 0:
		out.Kind = string(lifecycle.Unproven)
	case len(r.at(waiting, restored)) > 0:
		out.Kind = string(failure(r.at(waiting, restored)))
	case len(r.at(behind)) > 0 && len(r.at(proven)) > 0:
		out.Kind = string(lifecycle.Behind)
	case len(r.at(behind)) > 0:
		out.Kind = string(lifecycle.Unreached)
	}
	if out.Kind == string(lifecycle.Proven) || out.Kind == string(lifecycle.Behind) {
		if err := workflow.ExecuteActivity(quick(ctx, "make "+r.version.Fingerprint.Short()+" live in the store"), hands.Promote,
			activities.PromoteInput{Name: r.in.Name, Fingerprint: r.version.Fingerprint}).Get(ctx, nil); err != nil {
			_, text := activities.FailureOf(err)
			out.Kind, out.Cause = string(lifecycle.Unknown), "the version is proven, but the store does not say so: "+text
		}
	}
	return out
}

func failure(places []*place) lifecycle.OutcomeKind {
	for _, p := range places {
		switch p.kind {
		case activities.Configuration, activities.Invalid, activities.NotFound:
			return lifecycle.ConfigurationRefused
		case activities.Proof:
			return lifecycle.ProofFailed
		}
	}
	return lifecycle.DeployFailed
}
