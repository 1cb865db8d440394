package workflows_test

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// TestWeeksOfHolidaysAreToldOnWorkingDays plays a certificate that ends on 1
// April; P4 is due on Sunday, 1 March, and P3 in the week of the spring holidays.
func TestWeeksOfHolidaysAreToldOnWorkingDays(t *testing.T) {
	day := func(n int) lifecycle.Span { return lifecycle.Span{Fixed: time.Duration(n) * 24 * time.Hour} }
	p := lifecycle.Default()
	p.Thresholds = []lifecycle.Threshold{{Left: day(31), Severity: alert.P4}, {Left: day(15), Severity: alert.P3}, {Left: day(4), Severity: alert.P2}}
	p.Workdays = lifecycle.Workdays{Holidays: []string{"2026-03-16 the first", "2026-03-17 the second"}, TimeZone: "Asia/Seoul"}
	s := tell(t, "slack")
	s.run(lifecycle.Spec{Policy: p}, days(87.1))
	var first []string
	seen := map[alert.Severity]bool{}
	for _, n := range s.told {
		if at := n.what.Notice.Severity; !seen[at] {
			seen[at] = true
			first = append(first, n.at.Format("Mon 01-02 15:04 ")+string(at))
		}
	}
	want(t, first,
		"Fri 02-27 00:00 P4", // instead of Sunday
		"Fri 03-13 00:00 P3", // instead of Tuesday after two holidays and a weekend
		"Sat 03-28 00:00 P2", // what is urgent stays
	)
}
