package e2e

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// The activities of a renewal, in the order in which they run, and those of them
// that are done within a workflow task: what is before them is after another.
var (
	renewalActivities = []string{"Candidate", "Order", "Authorize", "Finalize", "Prepare", "Install", "Verify", "Promote"}
	withinTask        = []string{"Candidate", "Promote"}
)

func TestAWorkerKilledAroundAnyActivityOfARenewalCostsNoSecondCertificate(t *testing.T) {
	t.Parallel()
	for _, activity := range renewalActivities {
		for _, moment := range []harness.Moment{harness.Before, harness.After} {
			if moment == harness.Before && slices.Contains(withinTask, activity) {
				continue
			}
			t.Run(string(moment)+" "+activity, func(t *testing.T) {
				t.Parallel()
				killedOnce(t, moment, activity)
			})
		}
	}
}

func killedOnce(t *testing.T, moment harness.Moment, activity string) {
	proxy, err := harness.NewProxy(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	w := prepare(t, harness.Options{Engine: proxy.Address, Upstream: server.Address(), Nginx: sites(site(t, "www.shop.test", 30*time.Minute))})
	before := w.served(0)
	killed := make(chan struct{})
	var once sync.Once
	proxy.OnActivity(func(m harness.Moment, name string) (err error) {
		if m == moment && name == activity {
			once.Do(func() {
				w.KillWorkers()
				close(killed)
				err = harness.ErrDropped
			})
		}
		return err
	})
	w.start()
	w.manage("shop", 0)
	select {
	case <-killed:
	case <-time.After(time.Minute):
		t.Fatalf("%s was never seen", activity)
	}
	w.start()
	s := w.until("shop", "the renewal to complete by itself", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != "" && s.State.Live.Fingerprint != before
	})
	w.eventually("nginx to serve what is live", func() bool { return w.served(0) == s.State.Live.Fingerprint })
	if n := w.CA.Issued(); n != 1 {
		t.Errorf("%d certificates at the CA, want exactly 1", n)
	}
	onDisk, err := targetPair(w, 0)
	if err != nil || targettest.FingerprintOf(onDisk) != s.State.Live.Fingerprint {
		t.Errorf("on disk: %v %v, want %s", targettest.FingerprintOf(onDisk), err, s.State.Live.Fingerprint)
	}
}
