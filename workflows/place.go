package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// place is one target on its way through the attempt.
type place struct {
	target string
	host   host // where it lives, as far as known
	batch  int  // from 1
	canary bool
	before cert.Version // what was there; empty if nothing
	lost   string       // why it cannot be put back; empty if it can
	at     lifecycle.Stage
	since  time.Time
	fault  activities.Failure
	cause  string
	failed bool // it was reached and failed, whatever became of it since
	back   bool // it was looked whether the previous version is back
}

func (p *place) move(ctx workflow.Context, at lifecycle.Stage) {
	p.at, p.since = at, workflow.Now(ctx)
}

// because adds to what is to be said of the place.
func (p *place) because(what string) {
	if p.cause != "" {
		what = p.cause + "; " + what
	}
	p.cause = what
}

// fail notes what went wrong, and where that leaves the place.
func (p *place) fail(ctx workflow.Context, err error, at lifecycle.Stage) {
	p.fault, p.cause = p.host.failure(err)
	if p.fault.Kind == activities.Unavailable && !p.fault.Own {
		at = lifecycle.StageBehind
	}
	p.failed = at != lifecycle.StageBehind
	p.move(ctx, at)
}

// unclear reports whether it is our own trouble that says nothing of the place.
func (p *place) unclear() bool {
	return p.at == lifecycle.StageUnseen || p.failed && p.fault.Own
}

func (r *renewal) at(stages ...lifecycle.Stage) []*place { return only(r.places, stages...) }

func only(places []*place, stages ...lifecycle.Stage) []*place {
	var out []*place
	for _, p := range places {
		if slices.Contains(stages, p.at) {
			out = append(out, p)
		}
	}
	return out
}

// together does something with every place at once; one holds up no other.
func together(ctx workflow.Context, verb string, places []*place, do func(workflow.Context, int, *place)) {
	done := 0
	for i, p := range places {
		workflow.GoNamed(ctx, verb+" "+p.target, func(ctx workflow.Context) {
			do(ctx, i, p)
			done++
		})
	}
	_ = workflow.Await(ctx, func() bool { return done == len(places) })
}
