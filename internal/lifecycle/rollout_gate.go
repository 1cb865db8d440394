package lifecycle

import (
	"fmt"
	"time"
)

// Progress is how a rollout stands once a batch was proven, or could not be.
type Progress struct {
	Batch   Batch
	Rest    []Batch // that are planned after it
	Of      int     // targets in all
	MayFail int
	Failed  int  // targets so far that were reached and failed
	Broken  int  // of them in this batch
	Proven  int  // of this batch
	Unclear int  // of this batch: nobody could look, or what is ours failed
	Baked   bool // and was proven again
	// StoodIn counts the canaries that were out of reach and had others take their place.
	StoodIn int
	// SafeBy is the last safe moment of what is replaced, zero if nothing is.
	SafeBy time.Time
}

// Verdict is what follows for the rollout.
type Verdict struct {
	Undo bool   `json:"undo,omitempty"` // every target that was touched gets its previous version back
	Stop bool   `json:"stop,omitempty"` // no further batch; what is there stays until the world was asked
	Why  string `json:"why,omitempty"`
	// Bake is how long the batch is left alone before it is proven once more.
	Bake time.Duration `json:"bake,omitempty"`
	// Rest replaces the plan of what comes next; nil: it stays.
	Rest []Batch `json:"rest,omitempty"`
}

// MaxStandIns bounds how many targets one after the other are tried as canary.
const MaxStandIns = 3

// Gate decides between two batches. Over the budget everything is undone, and a
// canary that fails is over any budget. Targets out of reach cost nothing, and
// hold up nobody; where no canary was in reach, the next target is the canary.
// After the last safe moment caution would cost the certificate: nothing bakes,
// and what is proven stays while the others go on.
func Gate(now time.Time, p Progress) Verdict {
	switch late := !p.SafeBy.IsZero() && !now.Before(p.SafeBy); {
	case late && p.Failed+p.Unclear == 0:
		return Verdict{}
	case late:
		return Verdict{Why: "the last safe moment has passed: what is proven stays, and the others go on"}
	case p.Batch.Canary && p.Broken > 0:
		return Verdict{Undo: true, Why: "the canary failed"}
	case p.Failed > p.MayFail:
		return Verdict{Undo: true, Why: fmt.Sprintf("%d of %d targets failed, more than the %d that may", p.Failed, p.Of, p.MayFail)}
	case p.Unclear > 0:
		return Verdict{Stop: true, Why: fmt.Sprintf("of %d targets it is not known how they stand", p.Unclear)}
	case p.Batch.Canary && p.Proven == 0 && p.StoodIn < MaxStandIns && len(p.Rest) > 0:
		return Verdict{Rest: standIn(p.Batch, p.Rest), Why: "no canary was in reach; another takes its place"}
	case p.Proven == 0 || p.Baked || len(p.Rest) == 0:
		return Verdict{}
	}
	return Verdict{Bake: bake(now, p)}
}

// standIn makes the next target the canary.
func standIn(canary Batch, rest []Batch) []Batch {
	next := rest[0]
	out := []Batch{{Targets: next.Targets[:1:1], Canary: true, Bake: canary.Bake}}
	if others := next.Targets[1:]; len(others) > 0 {
		out = append(out, Batch{Targets: others, Bake: next.Bake})
	}
	out = append(out, rest[1:]...)
	if len(out) == 1 {
		out[0].Bake = 0
	}
	return out
}

// bake shortens a bake so that all that are still to come take at most half of
// what is left until the last safe moment, in proportion.
func bake(now time.Time, p Progress) time.Duration {
	if p.SafeBy.IsZero() {
		return p.Batch.Bake
	}
	all := p.Batch.Bake + Bakes(p.Rest)
	room := max(0, p.SafeBy.Sub(now)/2)
	if all <= room {
		return p.Batch.Bake
	}
	return time.Duration(float64(p.Batch.Bake) / float64(all) * float64(room)).Truncate(time.Second)
}
