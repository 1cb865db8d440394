package e2e

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestATargetThatReloadsWellAndServesTheOldUndoesTheRolloutAfterItsBatch(t *testing.T) {
	t.Parallel()
	r := newRack(t, 20)
	r.all[2].stubborn = true
	w := enter(t, rackOptions(r))
	w.manageRack(r)

	w.eventually("the status to show a batch under way", func() bool {
		return strings.Contains(w.cli(0, "status", "rack"), "\nRollout: renew of ")
	})
	s := w.until("rack", "the rollout to be undone", func(s workflows.Status) bool { return s.State.Rollout != nil && len(s.State.Flights) == 0 })
	if o := s.State.Rollout; !o.Undone || o.Failed != 2 || o.Batches != 6 || o.Outcome != lifecycle.ProofFailed {
		t.Errorf("the rollout ended: %+v", o)
	}
	if s.State.Live.Fingerprint != r.before || !r.only(r.before) {
		t.Errorf("live is %s; served: %v; want %s everywhere", s.State.Live.Fingerprint.Short(), r.serving(), r.before.Short())
	}
	for i, stop := range s.State.Rollout.Targets {
		touched := !r.all[i].told().IsZero()
		if touched != (i < 5) || (stop.Stage == lifecycle.StageUntouched) == touched {
			t.Errorf("%s of batch %d is %s; told to reload: %v", stop.Target, stop.Batch, stop.Stage, touched)
		}
	}
	status, why := w.cli(0, "status", "rack"), w.cli(0, "explain", "rack")
	for _, want := range []string{"undone at ", " after batch 2 of 6: 1 of 20 targets failed", "t3 ", "restored", "untouched", "1 (canary)"} {
		if !strings.Contains(status, want) {
			t.Errorf("the status does not say %q:\n%s", want, status)
		}
	}
	if !strings.Contains(why, "was undone at ") || !strings.Contains(why, "after batch 2 of 6") {
		t.Errorf("explain does not say why:\n%s", why)
	}
	w.eventually("the owner to be told with the cause", func() bool {
		for _, m := range w.slackTo(harness.OwnerSlack) {
			if strings.Contains(m.Reading(), "after batch 2 of 6") && strings.Contains(m.Reading(), "t3: ") {
				return true
			}
		}
		return false
	})

	r.all[2].yield()
	w.cli(0, "resume", "rack")
	s = w.until("rack", "the same version to go everywhere", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != r.before && len(s.State.Flights) == 0
	})
	if !r.only(s.State.Live.Fingerprint) || w.CA.Issued() != 1 {
		t.Errorf("served: %v; issued: %d", r.serving(), w.CA.Issued())
	}
}

func TestAWorkerKilledInTheMiddleOfABatchLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		stubborn bool
		activity string
		count    int32 // the how many-th of it
	}{
		{"while it installs", false, "Install", 3},
		{"while it undoes", true, "RollBack", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			proxy, err := harness.NewProxy(server.Address())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(proxy.Close)
			r := newRack(t, 9)
			r.all[2].stubborn = c.stubborn
			o := rackOptions(r)
			o.Engine, o.Upstream = proxy.Address, server.Address()
			w := prepare(t, o)
			killed, n := make(chan struct{}), atomic.Int32{}
			proxy.OnActivity(func(m harness.Moment, name string) error {
				if m == harness.After && name == c.activity && n.Add(1) == c.count {
					w.Worker.Kill()
					close(killed)
					return harness.ErrDropped
				}
				return nil
			})
			w.start()
			w.manageRack(r)
			select {
			case <-killed:
			case <-time.After(2 * time.Minute):
				t.Fatalf("%s number %d was never seen", c.activity, c.count)
			}
			w.start()
			s := w.until("rack", "the rollout to end by itself", func(s workflows.Status) bool {
				return s.State.Rollout != nil && len(s.State.Flights) == 0
			})
			want, issued := r.before, s.State.Renewal.Candidate.Fingerprint
			if !c.stubborn {
				want, issued = s.State.Live.Fingerprint, r.before
			}
			if s.State.Rollout.Undone != c.stubborn || s.State.Live.Fingerprint != want || want == cert.Fingerprint("") || issued == "" {
				t.Errorf("the rollout ended: %+v; live is %s", s.State.Rollout, s.State.Live.Fingerprint.Short())
			}
			if !r.only(want) || w.CA.Issued() != 1 {
				t.Errorf("served: %v, want %s everywhere; issued: %d", r.serving(), want.Short(), w.CA.Issued())
			}
		})
	}
}
