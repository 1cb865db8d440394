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
	in.Want, in.Whole = []cert.Fingerprint{r.version.Fingerprint}, r.in.Name
	v := r.verify(ctx, summary, in)
	for _, p := range placed {
		p.move(ctx, lifecycle.StageProven)
		if h, err := v.failed(p); err != nil {
			p.move(ctx, lifecycle.StageUnseen)
			if p.fault, p.cause = h.failure(err); h.name != "" && p.fault.Kind == activities.Unavailable {
				p.move(ctx, lifecycle.StageBehind)
			}
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

// proof is what was seen, and by which worker nothing could be: that of the
// certificate ("") or that of a host.
type proof struct {
	activities.Verified
	away map[string]error
}

// failed tells whose worker could not look at a place, and why.
func (v proof) failed(p *place) (host, error) {
	if err := v.away[""]; err != nil {
		return host{}, err
	}
	return p.host, v.away[p.host.name]
}

// verify has every host look at its own targets, and the certificate's worker at
// everything else, at the same time.
func (r *renewal) verify(ctx workflow.Context, summary string, in activities.VerifyInput) proof {
	at := map[string][]string{}
	var hosts []host
	if len(in.Endpoints) > 0 {
		hosts = append(hosts, host{})
	}
	for _, p := range r.places {
		if !slices.Contains(in.Targets, p.target) {
			continue
		}
		if at[p.host.name] == nil && (p.host.name != "" || len(in.Endpoints) == 0) {
			hosts = append(hosts, p.host)
		}
		at[p.host.name] = append(at[p.host.name], p.target)
	}
	out := proof{away: map[string]error{}}
	start := func(ctx workflow.Context, h host) workflow.Future {
		in, label := in, summary
		if in.Targets = at[h.name]; h.name != "" {
			in.Endpoints, label = nil, summary+"; on host "+h.name
		}
		return workflow.ExecuteActivity(h.on(verification(ctx, label, r.in.Proof)), hands.Verify, in)
	}
	ask(ctx, hosts, start, func(h host, v activities.Verified, err error) {
		if err != nil {
			out.away[h.name] = err
		}
		for _, o := range v.Observations {
			o.Host = h.name
			out.Observations = append(out.Observations, o)
		}
	})
	return out
}

// fed lists the endpoints that show these places: those that name one of them,
// and those that name none unless a target without the version may feed them.
func (r *renewal) fed(places []*place) []cert.Endpoint {
	var out []cert.Endpoint
	for _, e := range r.in.Endpoints {
		named := slices.ContainsFunc(places, func(p *place) bool { return p.target == e.Target })
		unnamed := e.Target == "" && !r.in.Part && len(places)+len(r.at(lifecycle.StageProven)) == len(r.places)
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
