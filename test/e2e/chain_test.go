package e2e

import (
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// Browsers would often not notice; every other client would.
func TestAServerThatSendsTheLeafAloneIsNoProof(t *testing.T) {
	t.Parallel()
	r := newRack(t, 1)
	r.all[0].curt = true
	w := enter(t, rackOptions(r))
	w.manageRack(r)
	s := w.until("rack", "the attempt to fail", func(s workflows.Status) bool { return len(s.State.Renewal.Attempts) > 0 && len(s.State.Flights) == 0 })
	if o := s.State.Renewal.Attempts[0].Outcome; o != lifecycle.ProofFailed {
		t.Errorf("it failed as %s", o)
	}
	if !r.only(r.before) || w.CA.Issued() != 1 {
		t.Errorf("served: %v, issued: %d", r.serving(), w.CA.Issued())
	}
	w.eventually("the owner to be told why", func() bool {
		for _, m := range w.slackTo(harness.OwnerSlack) {
			if strings.Contains(m.Reading(), "not its whole chain in order: of 1 intermediate certificates 0 follow it") {
				return true
			}
		}
		return false
	})

	r.all[0].mend()
	w.cli(0, "renew", "rack")
	s = w.until("rack", "the same version to be proven", func(s workflows.Status) bool {
		return s.State.Live.Fingerprint != r.before && len(s.State.Flights) == 0
	})
	if !r.only(s.State.Live.Fingerprint) || w.CA.Issued() != 1 {
		t.Errorf("served: %v, issued: %d", r.serving(), w.CA.Issued())
	}
}

func (l *listener) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.curt = false
}
