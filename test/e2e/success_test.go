package e2e

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// gladly tells the owner of each renewal that is proven, and nobody anything else.
const gladly = `
  - name: gladly
    thresholds: [{left: 2s, severity: P3}]
    inform: 0
    last_safe: 5s
    notify_success: [owner]`

func TestTheOwnerHearsQuietlyOnceOfEachRenewalThatIsProven(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: gladly, Nginx: sites(site(t, "www.shop.test", time.Hour))})
	w.manage("shop", 0, "--policy", "gladly")
	for round := 1; round <= 2; round++ {
		if round > 1 { // the first is made at once
			w.cli(0, "renew", "shop", "--new", "--wait", "--timeout", "2m")
		}
		s := w.until("shop", "the renewal to be over", func(s workflows.Status) bool {
			return w.CA.Issued() == round && w.served(0) == s.State.Live.Fingerprint && len(s.State.Flights) == 0
		})
		w.eventually("the owner to hear of it", func() bool { return len(w.slackTo(harness.OwnerSlack)) == round })
		told := w.slackTo(harness.OwnerSlack)[round-1]
		says(t, told.Reading(), "shop is renewed", s.State.Live.NotAfter.UTC().Format("2006-01-02"))
		if len(told.Buttons()) != 0 {
			t.Errorf("round %d: good news asks for something: %v", round, told.Buttons())
		}
	}
	for _, who := range []string{harness.TeamSlack, harness.ManagerSlack} {
		if got := w.slackTo(who); len(got) != 0 {
			t.Errorf("%s was told: %s", who, got[0].Reading())
		}
	}
	w.eachNoticeOnce(2)
}
