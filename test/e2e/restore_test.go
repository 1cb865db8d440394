package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// The backup is from between two renewals: Temporal knows a version that the store
// has lost.
func TestAnOlderBackupOfTheStoreOrdersNothingTwiceAndWhatIsMissingIsTold(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Policies: early + stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour), site(t, "old.shop.test", 24*time.Hour))})
	w.start()
	w.manage("shop", 0, "--policy", "early")
	w.watch("old", 1, "--policy", "steps")
	first := w.live("shop", w.served(0))
	archive := filepath.Join(t.TempDir(), "store.tar")
	w.tar("--sort=name", "--exclude=.staging", "--exclude=.lock", "-C", w.Dir, "-cf", archive, "store")
	says(t, w.cli(0, "store", "check"), "the live versions of all 1 managed certificates")

	w.cli(0, "renew", "shop", "--wait=false")
	second := w.live("shop", first)
	w.Worker.Stop()
	if err := os.RemoveAll(filepath.Join(w.Dir, "store")); err != nil {
		t.Fatal(err)
	}
	w.tar("-C", w.Dir, "-xf", archive)
	w.start()

	says(t, w.cli(6, "store", "check"), "shop", second.Short(), "neverlapse renew NAME")
	w.cli(0, "check", "shop", "--wait=false")
	s := w.until("shop", "to be looked at again", func(s workflows.Status) bool { return len(s.State.Flights) == 0 })
	if s.State.Live.Fingerprint != second || w.served(0) != second {
		t.Errorf("live is %s, served %s, want %s", s.State.Live.Fingerprint, w.served(0), second)
	}
	if n := w.CA.Issued(); n != 2 {
		t.Errorf("%d certificates were issued, want 2: a restore orders nothing", n)
	}
	w.replaceBy(1, time.Hour)
	w.cli(0, "check", "old", "--wait=false")
	w.settled("old", alert.Expiring, "the owner to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) > 0 })

	w.cli(0, "renew", "shop", "--wait=false")
	third := w.live("shop", second)
	if w.served(0) != third {
		t.Errorf("nginx serves %s, live is %s", w.served(0), third)
	}
	if n := w.CA.Issued(); n != 3 {
		t.Errorf("%d certificates were issued, want 3", n)
	}
	w.eventually("the store to have what is live", func() bool {
		ctx, cancel := w.patience()
		defer cancel()
		_, code := w.CLI(ctx, "store", "check")
		return code == 0
	})
	entries := w.journal("shop", "enrolled", "outcome")
	if len(entries) < 2 || !slices.IsSortedFunc(entries, func(a, b cert.Entry) int { return a.At.Compare(b.At) }) {
		t.Errorf("the journal is %+v", entries)
	}
}

// tar runs it; a journal that grew meanwhile is no error.
func (w *world) tar(args ...string) {
	w.t.Helper()
	out, err := exec.Command("tar", args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		w.t.Fatalf("tar %v: %v\n%s", args, err, out)
	}
}
