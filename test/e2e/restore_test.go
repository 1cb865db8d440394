package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// The backup is from between two renewals: Temporal knows a version that the store
// has lost.
func TestAnOlderBackupOfTheStoreOrdersNothingTwiceAndWhatIsMissingIsTold(t *testing.T) {
	t.Parallel()
	w := prepare(t, harness.Options{Sections: "watchman: {every: 1s}", Policies: early + stepsPolicy, Nginx: sites(site(t, "www.shop.test", time.Hour), site(t, "old.shop.test", 24*time.Hour))})
	w.start()
	w.manage("shop", 0, "--policy", "early")
	w.watch("old", 1, "--policy", "steps")
	first := w.live("shop", w.served(0))
	archive := filepath.Join(t.TempDir(), "store.tar")
	w.tar("--sort=name", "--exclude=.staging", "--exclude=.lock", "-C", w.Dir, "-cf", archive, "store")
	says(t, w.cli(0, "store", "check"), "the live versions of all 1 managed certificates")
	w.says(w.doctor("--only", "store.live"), doctor.OK, symptom{doctor.Lives, "", "all 1 certificates", ""})

	w.cli(0, "renew", "shop", "--wait=false")
	second := w.live("shop", first)
	w.Worker.Stop()
	if err := os.RemoveAll(filepath.Join(w.Dir, "store")); err != nil {
		t.Fatal(err)
	}
	w.tar("-C", w.Dir, "-xf", archive)
	w.start()

	says(t, w.cli(6, "store", "check"), "shop", second.Short(), "neverlapse renew NAME")
	m := w.told(alert.StoreBehind)
	w.holds(m, "shop", "neverlapse store check", "neverlapse renew shop")
	w.says(w.doctor("--only", "store.live"), doctor.Fail, symptom{doctor.Lives, "", "lacks the live version of 1 of 1 certificates: shop", "neverlapse renew shop"})
	w.eventually("the round to have ended", func() bool {
		out, code := w.CLI(t.Context(), "watchman")
		return code == 1 && strings.Contains(out, "the store lacks the live version of: shop")
	})
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
	w.eventually("the message to say so", func() bool {
		text, _ := json.Marshal(w.opened(alert.StoreBehind)[0])
		return strings.Contains(string(text), "has every live version again")
	})
	w.told(alert.StoreBehind)
	w.calm()
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

// The engine's database is deleted while everything is down, as a disk that died
// takes it along. The store is there.
func TestAFleetWhoseEngineLostItsDatabaseGoesOnAsTheStoreKeptIt(t *testing.T) {
	t.Parallel()
	w := prepareOwn(t, harness.Options{Sections: "watchman: {every: 1s}", Policies: early + stepsPolicy, Nginx: sites(
		site(t, "www.shop.test", time.Hour), site(t, "pay.shop.test", time.Hour), site(t, "old.shop.test", time.Hour), site(t, "bye.shop.test", 24*time.Hour))})
	w.start()
	before := []cert.Fingerprint{w.served(0), w.served(1)}
	w.manage("shop", 0, "--policy", "early")
	w.manage("pay", 1, "--policy", "early")
	w.watch("old", 2, "--policy", "steps")
	w.watch("bye", 3, "--policy", "steps")
	lived := map[string]cert.Fingerprint{"shop": w.live("shop", before[0]), "pay": w.live("pay", before[1])}
	w.cli(0, "pause", "pay", "--until", "3d", "--reason", "the release")
	w.settled("old", alert.Expiring, "the owner to be told", func(a lifecycle.Alert) bool { return len(a.Receipts) > 0 })
	w.cli(0, "ack", "old", "--note", "the new one is ordered")
	w.cli(0, "retire", "bye", "--force")
	acknowledged := w.settled("old", alert.Expiring, "the answer to be counted", func(a lifecycle.Alert) bool { return a.Status == lifecycle.Acknowledged })
	for name := range lived {
		w.until(name, "its journal to be written", func(s workflows.Status) bool { return s.Unread == 0 && len(s.State.Flights) == 0 })
	}
	w.eventually("bye to be retired", func() bool { return len(w.journal("bye", "retired")) == 1 })
	told := len(w.slackTo(harness.OwnerSlack))

	w.killAll()
	if err := os.RemoveAll(filepath.Join(w.Data(), "engine")); err != nil {
		t.Fatal(err)
	}
	w.client.Close()
	w.client = nil
	w.start()
	w.told(alert.Unguarded)
	w.eventually("a round to find three gone", func() bool { return len(w.patrol().Unguarded) == 3 })
	w.says(w.doctor("--only", "certificates.running"), doctor.Fail, symptom{doctor.Entities, "", "Temporal has lost their workflows: old, pay, shop", "neverlapse restore --all"})
	says(t, w.cli(0, "restore", "--all", "--dry-run"), "shop", "pay", "old", "as the store kept it at", "3 certificates would be restored")
	says(t, w.cli(0, "restore", "--all", "--yes", "--note", "the disk died"), "3 restored", "0 could not be restored")
	w.calm()
	says(t, w.cli(0, "restore", "--all", "--yes"), "3 certificates guarded, and none that is not")

	for name, live := range lived {
		s := w.until(name, "to be looked at", func(s workflows.Status) bool {
			return !s.State.Sight.At.IsZero() && len(s.State.Flights) == 0 && s.Unread == 0
		})
		if s.State.Live.Fingerprint != live || s.State.Live.CA != "pebble" || s.State.Spec.Policy.Name != "early" || s.State.Spec.Owner != "minji" {
			t.Errorf("%s came back as %+v", name, s.State)
		}
		if paused := s.State.Paused != nil; paused != (name == "pay") {
			t.Errorf("%s is paused: %v", name, paused)
		}
	}
	a := w.settled("old", alert.Expiring, "to be looked at", func(lifecycle.Alert) bool { return true })
	if a.Status != lifecycle.Acknowledged || a.Answer == nil || a.Answer.By != acknowledged.Answer.By || !a.Answer.Until.Equal(acknowledged.Answer.Until) || a.ID != acknowledged.ID {
		t.Errorf("the alert came back as %+v, was %+v", a, acknowledged)
	}
	if n := w.CA.Issued(); n != 2 {
		t.Errorf("%d certificates were issued, want 2: a restoration orders nothing", n)
	}
	w.absent("bye")
	w.told(alert.Unguarded)
	for _, m := range w.slackTo(harness.OwnerSlack)[told:] {
		if text, _ := json.Marshal(m); !strings.Contains(string(text), string(alert.Unguarded)) && !strings.Contains(string(text), "uarded") {
			t.Errorf("the owner was told once more: %s", text)
		}
	}

	w.cli(0, "renew", "shop", "--wait=false")
	if second := w.live("shop", lived["shop"]); w.served(0) != second {
		t.Errorf("nginx serves %s, live is %s", w.served(0), second)
	}
	if n := w.CA.Issued(); n != 3 {
		t.Errorf("%d certificates were issued, want 3", n)
	}
}
