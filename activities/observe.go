package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// ObserveInput says where to look.
type ObserveInput struct {
	Endpoints []cert.Endpoint `json:"endpoints,omitempty"`
	Targets   []string        `json:"targets,omitempty"`
	Names     []string        `json:"names"`
}

// Observe looks once at every endpoint and reads every target back. What cannot
// be seen is in the observations. Of a target that lives on a host it says only
// that: the host's worker has to be asked.
func (a *Activities) Observe(ctx context.Context, in ObserveInput) ([]cert.Observation, error) {
	_, stop := beat(ctx)
	defer stop()
	return a.observe(ctx, in), nil
}

func (a *Activities) observe(ctx context.Context, in ObserveInput) []cert.Observation {
	wire := make([][]cert.Observation, len(in.Endpoints))
	done := make(chan struct{})
	for i, e := range in.Endpoints {
		go func() {
			wire[i] = a.Scanner.Observe(ctx, e, in.Names)
			done <- struct{}{}
		}()
	}
	for range in.Endpoints {
		<-done
	}
	out := slices.Concat(wire...)
	for _, name := range in.Targets {
		o := cert.Observation{Target: name, At: a.Now()}
		if h, ok := a.Hosts[name]; ok {
			o.Host = h.Name
			out = append(out, o)
			continue
		}
		t, err := a.target(name)
		if err == nil {
			o.Version, err = t.Installed(ctx)
		}
		if err != nil {
			o.Err = err.Error()
		}
		out = append(out, o)
	}
	for i, o := range out {
		out[i] = o.Brief(in.Names)
	}
	return out
}

// VerifyInput says what must be shown, where, and how long it may take.
type VerifyInput struct {
	ObserveInput
	// Want lists the fingerprints of which every place must show one.
	Want []cert.Fingerprint `json:"want"`
	// Of says what one target must have; an endpoint that it feeds must show the same.
	Of      map[string]cert.Fingerprint `json:"of,omitempty"`
	Timeout time.Duration               `json:"timeout"`
	// Whole is the certificate whose chain, as the store has it, an endpoint must
	// send with a wanted version; empty: the leaf is enough.
	Whole string `json:"whole,omitempty"`
}

// Wanted lists what an observation may show.
func (in VerifyInput) Wanted(o cert.Observation) []cert.Fingerprint {
	target := o.Target
	if target == "" {
		target = o.Endpoint.Target
	}
	if f, ok := in.Of[target]; ok {
		return []cert.Fingerprint{f}
	}
	return in.Want
}

// Verified is the last look, and whether it is the proof.
type Verified struct {
	Proven       bool               `json:"proven"`
	Observations []cert.Observation `json:"observations"`
	At           time.Time          `json:"at"`
}

// agreement is how long after a look that shows what is wanted the next one must
// show it too.
const agreement = 100 * time.Millisecond

// Verify looks again and again, each time by fresh connections, until every
// place shows a wanted version or the timeout has passed: servers go on serving
// the old certificate for a while after a reload. For a moment their old processes
// answer beside the new ones, so endpoints must show it in two looks in a row.
func (a *Activities) Verify(ctx context.Context, in VerifyInput) (Verified, error) {
	_, stop := beat(ctx)
	defer stop()
	deadline := time.NewTimer(in.Timeout)
	defer deadline.Stop()
	pause, shown := 50*time.Millisecond, false
	links := a.links(ctx, in)
	for {
		out := Verified{Observations: whole(a.observe(ctx, in.ObserveInput), links), At: a.Now()}
		before := shown
		shown = in.shown(out.Observations)
		if out.Proven = shown && (before || len(in.Endpoints) == 0); out.Proven {
			return out, nil
		}
		activity.RecordHeartbeat(ctx)
		wait, late := pause, deadline.C
		if shown {
			wait, late = agreement, nil // the second look is due, however late it is
		}
		again := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			again.Stop()
			return out, ctx.Err()
		case <-late:
			again.Stop()
			return out, nil
		case <-again.C:
		}
		pause = min(2*pause, time.Second)
	}
}

// shown reports whether every observation saw a wanted version, and at least one did.
func (in VerifyInput) shown(seen []cert.Observation) bool {
	for _, o := range seen {
		if !o.Seen() || !slices.Contains(in.Wanted(o), o.Version.Fingerprint) {
			return false
		}
	}
	return len(seen) > 0
}

// links counts how many certificates have to follow the leaf of each wanted
// version. Of a version that is not ours nobody knows.
func (a *Activities) links(ctx context.Context, in VerifyInput) map[cert.Fingerprint]int {
	out := map[cert.Fingerprint]int{}
	if in.Whole == "" || len(in.Endpoints) == 0 {
		return out
	}
	for _, f := range in.Want {
		pair, err := a.Store.Pair(ctx, in.Whole, f)
		if err != nil {
			continue
		}
		if chain, err := cert.DecodeChain(pair.Chain); err == nil {
			out[f] = cert.Linked(chain)
		}
	}
	return out
}

// whole takes what an endpoint showed for nothing when the chain to it is not
// sent whole and in order: clients that do not know the rest refuse it.
func whole(seen []cert.Observation, links map[cert.Fingerprint]int) []cert.Observation {
	for i, o := range seen {
		n := links[o.Version.Fingerprint]
		if o.Target != "" || !o.Seen() || o.Linked >= n {
			continue
		}
		seen[i].Err = fmt.Sprintf("serves %s, but not its whole chain in order: of %d intermediate certificates %d follow it, so clients that do not know the rest refuse it; does the server read the file that holds the whole chain?", o.Version.Fingerprint.Short(), n, o.Linked)
		seen[i].Version = cert.Version{}
	}
	return seen
}
