package lifecycle

import (
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

func span(text string) Span {
	s, err := ParseSpan(text)
	if err != nil {
		panic(err)
	}
	return s
}

// Default is the policy of somebody who configured none.
func Default() Policy {
	owner, team, manager, onCall := people.Owner, people.TeamAll, people.Manager, people.OnCall
	return Policy{
		Name: "default",
		Thresholds: []Threshold{
			{span("min(30d,1/3)"), alert.P4},
			{span("min(15d,1/6)"), alert.P3},
			{span("min(7d,1/12)"), alert.P2},
			{span("min(3d,1/30)"), alert.P1},
			{span("min(1d,1/90)"), alert.P1},
		},
		Inform: 2,
		Escalations: []Escalation{
			{Name: EscalateInform, Steps: []Rung{{Roles: []people.Role{owner}, Reach: alert.Quiet}}},
			{Name: "P4", Steps: []Rung{
				{Roles: []people.Role{owner}, Reach: alert.Direct},
				{After: span("min(3d,1/30)"), Roles: []people.Role{team}, Reach: alert.Direct},
				{After: span("min(3d,1/30)"), Roles: []people.Role{manager}, Reach: alert.Direct},
			}},
			{Name: "P3", Steps: []Rung{
				{Roles: []people.Role{owner}, Reach: alert.Direct},
				{After: span("min(1d,1/90)"), Roles: []people.Role{team}, Reach: alert.Direct},
				{After: span("min(2d,1/45)"), Roles: []people.Role{manager}, Reach: alert.Direct},
				{After: span("min(2d,1/45)"), Roles: []people.Role{onCall}, Reach: alert.Direct},
			}},
			{Name: "P2", Steps: []Rung{
				{Roles: []people.Role{owner, team}, Reach: alert.Wide},
				{After: span("min(6h,1/360)"), Roles: []people.Role{manager}, Reach: alert.Wide},
				{After: span("min(6h,1/360)"), Roles: []people.Role{onCall}, Reach: alert.PageAll},
			}, Repeat: span("min(1d,1/90)")},
			{Name: "P1", Steps: []Rung{
				{Roles: []people.Role{owner, manager, onCall}, Reach: alert.PageAll},
				{After: span("min(30m,1/1152)"), Roles: []people.Role{team}, Reach: alert.Wide},
			}, Repeat: span("min(1d,1/90)"), UrgentRepeat: span("min(1h,1/576)")},
			{Name: EscalateFailing, Steps: []Rung{
				{Roles: []people.Role{owner}, Reach: alert.Wide},
				{After: span("min(1d,1/90)"), Roles: []people.Role{team}, Reach: alert.Direct},
			}},
			{Name: EscalateBehind, Steps: []Rung{
				{Roles: []people.Role{owner}, Reach: alert.Direct},
				{After: span("min(1d,1/90)"), Roles: []people.Role{team}, Reach: alert.Direct},
			}},
		},
		AckFor:         span("24h"),
		RenewLeft:      span("1/3"),
		RenewLeftShort: span("1/2"),
		Lead:           span("min(30d,1/3)"),
		LastSafe:       span("1/10"),
		MaxAttempts:    8,
		AttemptTimeout: span("min(2h,1/20)"),
		RetryEvery:     span("min(1h,1/2160)"),
		ObserveEvery:   span("min(1d,1/30)"),
		UnseenAfter:    span("min(2d,1/15)"),
		UrgentLeft:     span("min(3d,1/30)"),
		ProofTimeout:   span("30s"),
	}
}

// Relaxed is the policy of development and test: fewer thresholds, later and
// quieter, but none is exempt. The last one tells as the default policy does a
// week before the end.
func Relaxed() Policy {
	p := Default()
	p.Name = "relaxed"
	p.Thresholds = []Threshold{
		{span("min(14d,1/6)"), alert.P4},
		{span("min(5d,1/18)"), alert.P3},
		{span("min(2d,1/45)"), alert.P2},
	}
	p.Inform = 1
	return p
}
