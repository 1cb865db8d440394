package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// longestLook bounds a look: from here, and then from the hosts of its targets.
const longestLook = 2*quickLimit + glanceWait

// look observes the world.
func (c *certificate) look(ctx workflow.Context, d lifecycle.Decision) {
	s := c.State.Spec
	in := activities.ObserveInput{Endpoints: s.Endpoints, Targets: s.Targets, Names: s.Names}
	workflow.GoNamed(ctx, "look", func(ctx workflow.Context) {
		var seen []cert.Observation
		err := workflow.ExecuteActivity(sight(ctx, "look at every place: "+inWords(d.Reason)), hands.Observe, in).Get(ctx, &seen)
		if err != nil {
			_, text := activities.FailureOf(err)
			seen = nobodyLooked(ctx, in, text)
		}
		seen = readBack(ctx, s.Names, seen)
		c.see(ctx, func() { c.State.Observed(workflow.Now(ctx), seen) })
	})
}

// lookWakes reports whether a look is under way that ends before an instant, and
// so wakes the loop without a timer.
func (c *certificate) lookWakes(ctx workflow.Context, until time.Time) bool {
	return slices.ContainsFunc(c.State.Flights, func(f lifecycle.Flight) bool {
		return f.Kind == lifecycle.FlyLook && f.At.Add(longestLook).Before(until)
	}) && patched(ctx, sparesActions)
}

func nobodyLooked(ctx workflow.Context, in activities.ObserveInput, why string) []cert.Observation {
	var out []cert.Observation
	for _, e := range in.Endpoints {
		out = append(out, cert.Observation{Endpoint: e})
	}
	for _, t := range in.Targets {
		out = append(out, cert.Observation{Target: t})
	}
	for i, o := range out {
		o.At, o.Err = workflow.Now(ctx).UTC(), "nobody looked: "+why
		out[i] = o.Brief(nil)
	}
	return out
}

// see takes in what was observed, and tells the journal what changed by it.
func (c *certificate) see(ctx workflow.Context, take func()) {
	before := c.State.Live.Fingerprint
	take()
	c.changed()
	if live := c.State.Live; live.Fingerprint != before {
		text := fmt.Sprintf("%s is served, by %s, valid until %s", live.Fingerprint.Short(), live.Issuer, clock(live.NotAfter))
		if before != "" {
			text = "replaced by hand: " + text
		}
		c.note(ctx, entry{Kind: "seen", Text: text, Details: map[string]string{"fingerprint": string(live.Fingerprint)}})
	}
}

// observed takes in what a scanner saw by itself.
func (c *certificate) observed(ctx workflow.Context, seen []cert.Observation) {
	for i, o := range seen {
		seen[i] = o.Brief(c.State.Spec.Names)
	}
	c.see(ctx, func() { c.State.Scanned(workflow.Now(ctx), seen) })
}
