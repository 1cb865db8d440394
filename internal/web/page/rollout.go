package page

import (
	"strconv"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// rolloutView is how a version went from target to target, or goes.
type rolloutView struct {
	Headline string
	Why      string
	Now      bool
	Bad      bool
	Batches  bool // whether there is more than one
	Targets  []stopView
}

type stopView struct {
	Target, Batch, Stage, Word, Cause string
	Since                             time.Time
}

// rolloutOf shows the rollout under way, else the latest; nil if neither has
// more to tell than the targets do.
func rolloutOf(r reader, s workflows.Status) *rolloutView {
	o, now := s.State.Rollout, false
	if s.Running != nil {
		o, now = s.Running, true
	}
	if o == nil || len(o.Targets) < 2 && !now {
		return nil
	}
	v := &rolloutView{Now: now, Bad: o.Failed > 0, Batches: o.Batches > 1, Why: alert.Clean(o.Why)}
	key := "rollout.ended"
	switch {
	case now && o.Doing == lifecycle.Baking:
		key = "rollout.baking"
	case now:
		key = "rollout.now"
	case o.Undone:
		key = "rollout.undone"
	case o.Failed > 0:
		key = "rollout.stopped"
	}
	v.Headline = r.T(key, "version", o.Version.Short(), "batch", strconv.Itoa(o.Batch), "of", strconv.Itoa(o.Batches), "failed", strconv.Itoa(o.Failed),
		"doing", r.or("doing."+string(o.Doing), "doing.other"), "time", r.Plain(o.Ended), "until", r.Plain(o.Until), "outcome", alert.Clean(string(o.Outcome)))
	for _, t := range o.Targets {
		x := stopView{Target: t.Where(), Batch: strconv.Itoa(t.Batch), Stage: alert.Clean(string(t.Stage)), Cause: alert.Clean(t.Cause), Since: t.Since}
		if t.Canary {
			x.Batch = r.T("rollout.canary", "batch", x.Batch)
		}
		x.Word = r.or("stage."+string(t.Stage), "ground.other", "code", x.Stage)
		v.Targets = append(v.Targets, x)
	}
	return v
}
