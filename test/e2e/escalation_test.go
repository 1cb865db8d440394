package e2e

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

const ladderPolicy = `
  - name: ladder
    thresholds: [{left: 20d, severity: P3}]
    ack_for: 10s
    escalations:
      - name: P3
        steps: [{notify: [owner], reach: direct}, {after: 4s, notify: [team], reach: direct}, {after: 4s, notify: [manager], reach: direct}, {after: 4s, notify: [on-call], reach: page}]`

func TestNobodyAnswersUntilSomebodyDoesAndThenItLapses(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Policies: ladderPolicy, Nginx: sites(site(t, "www.shop.test", 10*24*time.Hour))})
	w.watch("shop", 0, "--policy", "ladder")
	w.eventually("owner, team and manager to be told", func() bool {
		return len(w.pages(harness.ManagerSlack, alert.Expiring))+len(w.mailsTo("hana@example.com", "shop")) > 0
	})
	w.cli(0, "ack", "shop", "--note", "ordered a new one", "--as", "hana")
	s := w.until("shop", "the acknowledgement", func(s workflows.Status) bool {
		a := open(s, "expiring")
		return a != nil && a.Status == lifecycle.Acknowledged
	})
	told := open(s, "expiring").Told
	w.until("shop", "the acknowledgement to lapse and the on-call to be told", func(s workflows.Status) bool {
		a := open(s, "expiring")
		return a.Told > told && len(w.slackTo(harness.OnCallSlack)) > 0
	})
	w.eachNoticeOnce(told)
	w.cli(0, "ack", "shop", "--as", "jun")
	w.cli(0, "retire", "shop", "--force", "--note", "the shop closes")
}
