package workflows_test

import (
	"testing"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/metrics"
)

// Traces may be switched on while workflows run that began without them.
func TestReleasedHistoriesReplayWhileTracesAreCollected(t *testing.T) {
	traces, err := metrics.NewTraces(t.Context(), "http://127.0.0.1:1/v1/traces", "neverlapse-worker", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range histories(t) {
		if err := replay(t, file, lifecycle.Next, traces.Interceptor()); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
