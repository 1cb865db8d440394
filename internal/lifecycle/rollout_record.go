package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Rollout is how one version went from target to target, or goes.
type Rollout struct {
	Purpose Purpose          `json:"purpose"`
	Version cert.Fingerprint `json:"version"`
	ByHand  string           `json:"byHand,omitempty"` // who asked; empty if the rules did
	Began   time.Time        `json:"began"`
	Ended   time.Time        `json:"ended,omitzero"`    // zero while it goes on
	Outcome OutcomeKind      `json:"outcome,omitempty"` // once it has ended
	Cause   string           `json:"cause,omitempty"`
	Batches int              `json:"batches"`
	Batch   int              `json:"batch"` // reached, from 1
	Doing   Doing            `json:"doing,omitempty"`
	Until   time.Time        `json:"until,omitzero"` // of the bake
	// Failed is the batch after which no further was begun, 0 if none; Undone tells
	// that every target touched was given its previous version back.
	Failed  int    `json:"failed,omitempty"`
	Undone  bool   `json:"undone,omitempty"`
	Why     string `json:"why,omitempty"`
	Targets []Stop `json:"targets"`
}

// Doing is what a rollout does with its batch.
type Doing string

// What a rollout does.
const (
	Installing  Doing = "installing"
	Proving     Doing = "proving"
	Baking      Doing = "baking"
	RollingBack Doing = "rolling-back"
)

// Stop is one target on the way of a rollout.
type Stop struct {
	Target string    `json:"target"`
	Host   string    `json:"host,omitempty"` // where it lives, if that has a worker of its own
	Batch  int       `json:"batch"`
	Canary bool      `json:"canary,omitempty"`
	Stage  Stage     `json:"stage"`
	Since  time.Time `json:"since,omitzero"`
	Cause  string    `json:"cause,omitempty"`
}

// Where names the target, and the host where it lives.
func (s Stop) Where() string { return Installed{Target: s.Target, Host: s.Host}.Where() }

// Stage is how far a target is.
type Stage string

// The stages.
const (
	StageWaiting   Stage = "waiting"   // nothing was done there
	StagePrepared  Stage = "prepared"  // captured, nothing changed
	StageInstalled Stage = "installed" // written, checked, reloaded
	StageBehind    Stage = "behind"    // out of reach
	StageRefused   Stage = "refused"   // the target failed; it may be touched
	StageUnseen    Stage = "unseen"    // installed, and nobody could look
	StageProven    Stage = "proven"
	StageRestored  Stage = "restored"  // the previous version is back and proven
	StageDoubtful  Stage = "doubtful"  // nobody knows what it serves, or rolling back would not help
	StageUntouched Stage = "untouched" // the rollout ended before it
)

// groundsOfRollout tells of a rollout that did not get to its end and whose
// version is not live by now.
func (v *view) groundsOfRollout() []Ground {
	r := v.s.Rollout
	if r == nil || r.Failed == 0 || r.Version == v.s.Live.Fingerprint {
		return nil
	}
	g := Ground{Code: BecauseStopped, At: r.Ended, Note: r.Version.Short(), Cause: r.Why, N: r.Failed, Of: r.Batches}
	if r.Undone {
		g.Code = BecauseUndone
	}
	return []Ground{g}
}

func (r *Rollout) clone() *Rollout {
	if r == nil {
		return nil
	}
	c := *r
	c.Targets = slices.Clone(r.Targets)
	return &c
}
