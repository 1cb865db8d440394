package e2e

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// The schedule is that of the team's clock on the wall; here it is set off by hand.
func TestATeamIsToldOfItsWeekByItsSchedule(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Digest: `day: fri, at: "16:30"`, Policies: calmPolicy, Nginx: sites(site(t, "www.shop.test", 10*24*time.Hour))})
	w.watch("shop", 0, "--policy", "calm")
	w.eventually("the index to know it", func() bool { return strings.Contains(w.cli(0, "list", "--team", "platform"), "shop") })
	ctx, cancel := w.patience()
	defer cancel()
	schedule := w.client.ScheduleClient().GetHandle(ctx, workflows.DigestID("platform"))
	d, err := schedule.Describe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	if next := d.Info.NextActionTimes[0].In(seoul); next.Weekday() != time.Friday || next.Hour() != 16 || next.Minute() != 30 {
		t.Errorf("the next digest is due at %s", next)
	}
	if err := schedule.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
		t.Fatal(err)
	}
	w.eventually("the message to the team", func() bool {
		for _, m := range w.slackTo(harness.TeamSlack) {
			if strings.Contains(m.Text, "[weekly] Platform: ") && strings.Contains(m.Reading(), "shop: expires in ") {
				return true
			}
		}
		return false
	})
}

// calmPolicy tells nobody of anything.
const calmPolicy = `
  - name: calm
    thresholds: [{left: 1h, severity: P3}]`
