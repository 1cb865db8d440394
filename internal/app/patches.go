package app

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/neverlapse/neverlapse/workflows"
)

// lookAround is how often a worker looks which others serve its task queue.
const lookAround = 10 * time.Second

// patchLevel is the level up to which runs may take patches: what this release,
// its configuration (0: no bound) and all others know.
func patchLevel(bound int, others []neighbour) int {
	level := workflows.PatchLevel()
	if bound > 0 {
		level = min(level, bound)
	}
	for _, o := range others {
		level = min(level, o.patches)
	}
	return level
}

// prefer says which way a run goes that meets a patch for the first time. Without
// a patch it gives the commands that older workers give, so they can go on with it.
func (a *App) prefer(in worker.PreferredVersionProviderInput) *worker.VersionPreference {
	if workflows.LevelOf(in.ChangeID) <= int(a.patches.Load()) {
		return nil // the newest way
	}
	return &worker.VersionPreference{Version: in.MinSupported}
}

// keepLevel follows who else serves the task queue until ctx ends.
func (a *App) keepLevel(ctx context.Context) {
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		others, err := a.neighbours(ctx)
		if err != nil {
			if ctx.Err() == nil {
				a.logger.Warn("the patch level stays as it is", "error", err)
			}
			continue
		}
		a.setLevel(others)
	}
}

func (a *App) setLevel(others []neighbour) {
	level := patchLevel(a.config.Temporal.PatchLevel, others)
	if was := a.patches.Swap(int64(level)); was != int64(level) {
		a.logger.Info("workflows take patches up to this level", "level", level, "known", workflows.PatchLevel(), "workers", len(others)+1)
	}
}

// PatchLevel tells of the level of this release, for whoever plans to go back to it.
func PatchLevel() string { return fmt.Sprintf("patch level %d", workflows.PatchLevel()) }
