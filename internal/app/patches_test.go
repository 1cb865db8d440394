package app

import (
	"testing"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/neverlapse/neverlapse/workflows"
)

func TestARunTakesNoPatchThatSomebodyDoesNotKnow(t *testing.T) {
	t.Parallel()
	known := workflows.PatchLevel()
	for name, c := range map[string]struct {
		bound  int
		others []neighbour
		want   int
	}{
		"alone":                              {0, nil, known},
		"beside the same release":            {0, []neighbour{{patches: known}}, known},
		"beside a newer one":                 {0, []neighbour{{patches: known + 1}}, known},
		"beside an older one":                {0, []neighbour{{patches: known}, {patches: known - 1}}, known - 1},
		"a bound":                            {known - 1, []neighbour{{patches: known}}, known - 1},
		"a bound above what this one knows":  {known + 1, nil, known},
		"a bound beside one older than that": {known - 1, []neighbour{{patches: 0}}, 0},
	} {
		if got := patchLevel(c.bound, c.others); got != c.want {
			t.Errorf("%s: level %d, want %d", name, got, c.want)
		}
	}
	a := &App{}
	meets := worker.PreferredVersionProviderInput{ChangeID: "answers-while-told", MinSupported: workflow.DefaultVersion, MaxSupported: 1}
	if got := a.prefer(meets); got == nil || got.Version != workflow.DefaultVersion {
		t.Errorf("below its level a patch is %+v", got)
	}
	a.patches.Store(int64(workflows.LevelOf(meets.ChangeID)))
	if got := a.prefer(meets); got != nil {
		t.Errorf("at its level a patch is %+v, want the newest", got)
	}
}
