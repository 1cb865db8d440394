package workflows

import "go.temporal.io/sdk/workflow"

// patch is a change to the commands that workflows give. A run goes on for years
// and over many releases, and each worker replays what any other began; so a run
// records which way it took. What only the brain decides needs no patch: its
// decisions are recorded.
type patch int

// The patches in the order in which releases brought them. How many of them a
// worker knows is its level; workers of one task queue take none that any of them
// does not know. The input of a run is no substitute: an older worker that has the
// first task of the run leaves out fields that it does not know.
const (
	keepsDeadLetters patch = iota + 1
	heedsAnswersWhileTelling
	tellsBreaksApart
	notesRenewalsElsewhere
	tellsStoreBehind
	sparesActions
	addressesInTask
)

// patchIDs are what histories call them, and never change.
var patchIDs = map[patch]string{
	keepsDeadLetters:         "dead letters",
	heedsAnswersWhileTelling: "answers-while-told",
	tellsBreaksApart:         "breaks-in-one-second",
	notesRenewalsElsewhere:   "renewals-elsewhere-in-journal",
	tellsStoreBehind:         "store-behind",
	sparesActions:            "spares-actions",
	addressesInTask:          "addresses-in-task",
}

// PatchLevel is how many patches this release knows.
func PatchLevel() int { return len(patchIDs) }

// LevelOf gives the level that a worker needs for a patch; 0 for a foreign ID.
func LevelOf(id string) int {
	for p, known := range patchIDs {
		if known == id {
			return int(p)
		}
	}
	return 0
}

// patched reports whether the run goes the new way.
func patched(ctx workflow.Context, p patch) bool {
	return workflow.GetVersion(ctx, patchIDs[p], workflow.DefaultVersion, 1) == 1
}
