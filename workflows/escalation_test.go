package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

var refused = fault.New(fault.Configuration, "the channel refuses")

// ladder tells owner, team, manager and on-call, six hours apart, once.
func ladder() lifecycle.Policy {
	p := lifecycle.Default()
	p.Name = "ladder"
	six := lifecycle.Span{Fixed: 6 * time.Hour}
	p.Thresholds = []lifecycle.Threshold{{Left: lifecycle.Span{Fixed: 30 * 24 * time.Hour}, Severity: alert.P3}}
	p.Escalations = slices.DeleteFunc(slices.Clone(p.Escalations), func(e lifecycle.Escalation) bool { return e.Name == "P3" })
	p.Escalations = append(p.Escalations, lifecycle.Escalation{Name: "P3", Steps: []lifecycle.Rung{
		{Roles: []people.Role{people.Owner}, Reach: alert.Direct},
		{After: six, Roles: []people.Role{people.TeamAll}, Reach: alert.Direct},
		{After: six, Roles: []people.Role{people.Manager}, Reach: alert.Direct},
		{After: six, Roles: []people.Role{people.OnCall}, Reach: alert.PageAll},
	}})
	return p
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if !slices.Equal(got, lines) {
		t.Errorf("heard:\n%s\nwant:\n%s", join(got), join(lines))
	}
}

func join(lines []string) string {
	out := ""
	for _, l := range lines {
		out += "  " + l + "\n"
	}
	return out
}

func TestNobodyAnswersSoEverybodyIsToldInOrder(t *testing.T) {
	s := tell(t, "slack", "email")
	s.run(lifecycle.Spec{Policy: ladder()}, days(70))
	want(t, s.heard(),
		"03-02 00:00:00 owner by slack: P3 expiring",
		"03-02 06:00:00 team by email: P3 expiring",
		"03-02 12:00:00 boss by slack: P3 expiring",
		"03-02 18:00:00 watch by email: P3 expiring",
		"03-02 18:00:00 watch by slack: P3 expiring",
	)
}

func TestAnAcknowledgementStopsTheRestAndLapsesOneStepAbove(t *testing.T) {
	for _, c := range []struct {
		name  string
		ackAt time.Duration // after the first notice
		heard []string
	}{
		{"at the owner's step", time.Hour, []string{
			"03-02 00:00:00 owner by slack: P3 expiring",
			"03-03 01:00:00 team by email: P3 expiring",
			"03-03 07:00:00 boss by slack: P3 expiring",
			"03-03 13:00:00 watch by email: P3 expiring",
			"03-03 13:00:00 watch by slack: P3 expiring",
		}},
		{"at the team's step", 7 * time.Hour, []string{
			"03-02 00:00:00 owner by slack: P3 expiring",
			"03-02 06:00:00 team by email: P3 expiring",
			"03-03 07:00:00 boss by slack: P3 expiring",
			"03-03 13:00:00 watch by email: P3 expiring",
			"03-03 13:00:00 watch by slack: P3 expiring",
		}},
		{"at the manager's step", 13 * time.Hour, []string{
			"03-02 00:00:00 owner by slack: P3 expiring",
			"03-02 06:00:00 team by email: P3 expiring",
			"03-02 12:00:00 boss by slack: P3 expiring",
			"03-03 13:00:00 watch by email: P3 expiring",
			"03-03 13:00:00 watch by slack: P3 expiring",
		}},
		{"after the page", 19 * time.Hour, []string{
			"03-02 00:00:00 owner by slack: P3 expiring",
			"03-02 06:00:00 team by email: P3 expiring",
			"03-02 12:00:00 boss by slack: P3 expiring",
			"03-02 18:00:00 watch by email: P3 expiring",
			"03-02 18:00:00 watch by slack: P3 expiring",
			"03-03 19:00:00 watch by email: P3 expiring",
			"03-03 19:00:00 watch by slack: P3 expiring",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := tell(t, "slack", "email")
			s.acknowledge(days(60).Add(c.ackAt), "owner")
			s.run(lifecycle.Spec{Policy: ladder()}, days(64))
			want(t, s.heard(), c.heard...)
		})
	}
}

func TestMailThatNobodyReadsIsFollowedByAnotherKindOfChannel(t *testing.T) {
	p := ladder()
	i := slices.IndexFunc(p.Escalations, func(e lifecycle.Escalation) bool { return e.Name == "P3" })
	p.Escalations[i].Steps[0].Reach = alert.Quiet
	s := tell(t, "email", "slack")
	s.run(lifecycle.Spec{Policy: p}, days(60.3))
	want(t, s.heard(),
		"03-02 00:00:00 owner by email: P3 expiring",
		"03-02 06:00:00 team by slack: P3 expiring",
	)
}

func TestAChannelThatRefusesIsFollowedAtOnceByAnother(t *testing.T) {
	s := tell(t, "slack", "email")
	s.refuses["slack"] = true
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.1))
	want(t, s.heard(), "03-02 00:00:00 owner by email: P3 expiring")
	visible := slices.ContainsFunc(s.journal, func(e entry) bool {
		return e.Kind == "delivered" && contains(e.Text, "slack to owner: the channel refuses")
	})
	if !visible {
		t.Errorf("the failed channel is not visible in the journal: %+v", s.journal)
	}
}

func TestARouteIsFollowedAndWhereItReachesNobodyThatIsInTheJournal(t *testing.T) {
	s := tell(t, "slack", "email", "sms")
	routes := []alert.Route{
		{Match: alert.RouteMatch{Severity: []alert.Severity{alert.P3}, Team: []string{"team"}, Certificate: []string{"*.test"}}, Channels: []string{"sms"}},
	}
	who := directory()
	who.People[0].Phone = "+821012345678" // the owner's alone
	s.acts.Directory, s.acts.Routes = func() people.Directory { return who }, func() []alert.Route { return routes }
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.3))
	want(t, s.heard(),
		"03-02 00:00:00 owner by sms: P3 expiring",
		"03-02 06:00:00 team by slack: P3 expiring",
	)
	if !slices.ContainsFunc(s.journal, func(e entry) bool {
		return e.Kind == "delivered" && contains(e.Text, "reached team by slack; beside its route: routes[0] has no channel that reaches team")
	}) {
		t.Errorf("that the route was left is not in the journal: %+v", s.journal)
	}
}

func TestACopyThatIsTakenDoesNotPassForSomebodyWhoWasTold(t *testing.T) {
	s := tell(t, "slack", "soc")
	s.lines[1].Own = true
	s.acts.Routes = func() []alert.Route { return []alert.Route{{Also: []string{"soc"}}} }
	s.refuses["slack"] = true
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.01))
	steps := 0
	for _, line := range s.heard() {
		if line == "03-02 00:00:00 soc by soc: P3 expiring" {
			steps++
		}
	}
	if steps != 4 { // nobody was reached, so every step was due at once
		t.Errorf("heard:\n%s\nwant a copy of each of the four steps at once", join(s.heard()))
	}
}

func TestReplacedByHandNothingMoreIsSent(t *testing.T) {
	s := tell(t, "slack", "email")
	s.at(days(60).Add(time.Hour), func() {
		s.mu.Lock()
		s.served = version("a.test", days(60), 90*24*time.Hour)
		s.mu.Unlock()
	})
	s.run(lifecycle.Spec{Policy: ladder()}, days(80))
	want(t, s.heard(), "03-02 00:00:00 owner by slack: P3 expiring")
}

func TestCancellingDoesNotLeaveACertificateUnguarded(t *testing.T) {
	s := tell(t, "slack", "email")
	s.at(days(10), s.env.CancelWorkflow)
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.1))
	want(t, s.heard(), "03-02 00:00:00 owner by slack: P3 expiring")
	if !slices.ContainsFunc(s.journal, func(e entry) bool { return contains(e.Text, "neverlapse retire") }) {
		t.Error("nobody is told how to end the guard")
	}
}
