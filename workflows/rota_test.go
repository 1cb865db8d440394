package workflows_test

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// The certificate's alert fires on 2 March at midnight, 09:00 in Seoul.
func TestWhoeverIsOnCallWhenANoticeLeavesIsTold(t *testing.T) {
	s := tell(t, "slack")
	local := func(text string) (l people.LocalTime) {
		if err := l.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return l
	}
	here := directory()
	s.acts.Directory = func() people.Directory { return here }
	here.Teams[0].Rota = &people.Rota{
		Members: []string{"watch", "boss"}, Start: local("2026-02-28 09:30"), Every: 48 * time.Hour, TimeZone: "Asia/Seoul",
		Overrides: []people.Override{{From: local("2026-03-05 00:00"), Until: local("2026-03-06 00:00"), Person: "owner"}},
	}
	p := ladder()
	onCall := lifecycle.Rung{After: lifecycle.Span{Fixed: 24 * time.Hour}, Roles: []people.Role{people.OnCall}, Reach: alert.Direct}
	for i, e := range p.Escalations {
		if e.Name == "P3" {
			p.Escalations[i].Steps = []lifecycle.Rung{{Roles: onCall.Roles, Reach: alert.Direct}, onCall, onCall, onCall, onCall}
		}
	}
	s.run(lifecycle.Spec{Policy: p}, days(70))
	want(t, s.heard(),
		"03-02 00:00:00 watch by slack: P3 expiring", // half an hour before hand-over
		"03-03 00:00:00 boss by slack: P3 expiring",
		"03-04 00:00:00 boss by slack: P3 expiring",
		"03-05 00:00:00 owner by slack: P3 expiring", // by the override
		"03-06 00:00:00 watch by slack: P3 expiring",
	)
}
