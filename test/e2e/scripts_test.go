package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/test/scripts"
)

// folders are targets without a server, one for each script that renews; a
// broken one refuses whatever it is given.
var folders = []string{"folder-renew", "broken-renew", "folder-rollback", "folder-deploy", "folder-pause", "folder-resume", "folder-freeze", "folder-approve", "folder-approvals", "folder-deny"}

func folderTargets() string {
	var b strings.Builder
	for _, n := range folders {
		check := ""
		if strings.HasPrefix(n, "broken-") {
			check = ", check: [/bin/false]"
		}
		fmt.Fprintf(&b, "  - {name: %s, kind: file, options: {directory: $DIR/%s%s}}\n", n, n, check)
	}
	return b.String()
}

// policiesOfScripts are one with a freeze that began yesterday and ends tomorrow,
// and one by which people approve.
func policiesOfScripts(now time.Time) string {
	day := func(n int) string { return now.UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	return fmt.Sprintf("  - {name: frozen, freezes: [{name: stocktaking, from: %s, until: %s, timezone: UTC}]}\n"+
		"  - {name: asking, approval: {before: issue, by: [owner, team]}}\n", day(-1), day(1))
}

// TestTheCommandLineScripts runs test/scripts with the real CLI, worker and engine.
func TestTheCommandLineScripts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	serve := func(name string, left time.Duration) targettest.NginxServer {
		pair, err := targettest.NewPair([]string{"localhost", "127.0.0.1"}, now.Add(left-90*24*time.Hour), now.Add(left))
		if err != nil {
			t.Fatal(err)
		}
		return targettest.NginxServer{Name: name, Initial: pair}
	}
	const day = 24 * time.Hour
	w := enter(t, harness.Options{
		Nginx:   sites(serve("localhost", 80*day), serve("short.localhost", 2*day), serve("middle.localhost", 14*day)),
		Targets: folderTargets(), Policies: policiesOfScripts(now),
	})
	for _, n := range folders {
		if err := os.Mkdir(filepath.Join(w.Dir, n), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.cli(0, "enroll", w.Nginx.Addresses[0], "--cert-name", "script-never-renewed", "--owner", "minji")
	scripts.Run(t, "../scripts", binaries.CLI,
		"NEVERLAPSE_TEMPORAL_ADDRESS="+w.Engine, "NEVERLAPSE_TEMPORAL_NAMESPACE="+w.Namespace, "NEVERLAPSE_TEMPORAL_TASK_QUEUE=neverlapse",
		"ENDPOINT="+w.Nginx.Addresses[0], "SHORT="+w.Nginx.Addresses[1], "MIDDLE="+w.Nginx.Addresses[2], "OWNER=minji", "OTHER=hana", "WATCHED=script-never-renewed")
}
