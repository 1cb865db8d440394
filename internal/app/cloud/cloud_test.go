package cloud_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/cloud"
)

func TestWhatOnlyAWorkerMakesIsKnownToTheCLI(t *testing.T) {
	if got := slices.Sorted(maps.Keys(cloud.Kinds.Targets)); !slices.Equal(got, app.ByWorkersAlone.Targets) {
		t.Errorf("targets: the worker has %v, the CLI knows of %v", got, app.ByWorkersAlone.Targets)
	}
	if got := slices.Sorted(maps.Keys(cloud.Kinds.Sources)); !slices.Equal(got, app.ByWorkersAlone.Sources) {
		t.Errorf("sources: the worker has %v, the CLI knows of %v", got, app.ByWorkersAlone.Sources)
	}
}
