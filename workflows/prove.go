package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// prove looks until every endpoint shows the version, or reads the targets back
// where there is no endpoint to look at. Where nobody could look, nothing is
// known: what passed the check stays, and the certificate asks the world.
func (r *renewal) prove(ctx workflow.Context, summary string) []cert.Observation {
	placed := r.at(lifecycle.StageInstalled)
	if len(placed) == 0 {
		return nil
	}
	in := r.verifyInput(placed, r.fed(placed))
	in.Want = []cert.Fingerprint{r.version.Fingerprint}
	v, err := r.verify(ctx, summary, in)
	for _, p := range placed {
		p.move(ctx, lifecycle.StageProven)
		if err != nil {
			p.move(ctx, lifecycle.StageUnseen)
			p.fault, p.cause = activities.FailureOf(err)
			p.cause = "installed, but nobody could look at it: " + p.cause
		} else if why := p.lacks(v.Observations, in); why != "" {
			p.move(ctx, lifecycle.StageRefused)
			p.failed, p.fault, p.cause = true, activities.Failure{Kind: activities.Proof}, why
		}
	}
	return v.Observations
}

func (r *renewal) verifyInput(places []*place, endpoints []cert.Endpoint) activities.VerifyInput {
	in := activities.VerifyInput{Timeout: r.in.Proof}
	in.Names, in.Endpoints = r.in.Names, endpoints
	for _, p := range places {
		in.Targets = append(in.Targets, p.target)
	}
	return in
}

func (r *renewal) verify(ctx workflow.Context, summary string, in activities.VerifyInput) (activities.Verified, error) {
	var v activities.Verified
	err := workflow.ExecuteActivity(verification(ctx, summary, r.in.Proof), hands.Verify, in).Get(ctx, &v)
	return v, err
}

// fed lists the endpoints that show these places: those that name one of them,
// and those that name none unless a target without the version may feed them.
func (r *renewal) fed(places []*place) []cert.Endpoint {
	var out []cert.Endpoint
	for _, e := range r.in.Endpoints {
		named := slices.ContainsFunc(places, func(p *place) bool { return p.target == e.Target })
		unnamed := e.Target == "" && len(places)+len(r.at(lifecycle.StageProven)) == len(r.places)
		if named || unnamed {
			out = append(out, e)
		}
	}
	return out
}

// lacks tells why a place does not have what it should, "" if everything that
// speaks for it shows it, and something does. An endpoint that names no target
// speaks for all.
func (p *place) lacks(seen []cert.Observation, in activities.VerifyInput) string {
	spoken := false
	for _, o := range seen {
		if !p.speaksFor(o) {
			continue
		}
		spoken = true
		want := in.Wanted(o)
		if !o.Seen() {
			return fmt.Sprintf("%s: %s", o.Where(), o.Err)
		}
		if !slices.Contains(want, o.Version.Fingerprint) {
			return fmt.Sprintf("%s serves %s (serial %s, until %s) instead of %s", o.Where(), o.Version.Fingerprint.Short(), o.Version.Serial, clock(o.Version.NotAfter), want[0].Short())
		}
	}
	if !spoken {
		return "nothing was seen of it"
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
