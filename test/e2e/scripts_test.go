package e2e

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/test/scripts"
)

// TestTheCommandLineScripts runs test/scripts with the real CLI, worker and engine.
func TestTheCommandLineScripts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	serve := func(left time.Duration) targettest.NginxServer {
		pair, err := targettest.NewPair([]string{"localhost", "127.0.0.1"}, now.Add(left-90*24*time.Hour), now.Add(left))
		if err != nil {
			t.Fatal(err)
		}
		return targettest.NginxServer{Name: "localhost", Initial: pair}
	}
	long, short := serve(80*24*time.Hour), serve(2*24*time.Hour)
	short.Name = "short.localhost"
	w := enter(t, harness.Options{Nginx: sites(long, short)})
	scripts.Run(t, "../scripts", binaries.CLI,
		"NEVERLAPSE_TEMPORAL_ADDRESS="+w.Engine, "NEVERLAPSE_TEMPORAL_NAMESPACE="+w.Namespace, "NEVERLAPSE_TEMPORAL_TASK_QUEUE=neverlapse",
		"ENDPOINT="+w.Nginx.Addresses[0], "SHORT="+w.Nginx.Addresses[1], "OWNER=minji")
}
