package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
)

// quietFrom gives somebody of the directory quiet hours in UTC.
func (s *story) quietFrom(person, from, until string) {
	s.t.Helper()
	var q people.Quiet
	for text, to := range map[string]*people.WallTime{from: &q.From, until: &q.Until} {
		if err := to.UnmarshalText([]byte(text)); err != nil {
			s.t.Fatal(err)
		}
	}
	d := s.acts.Directory()
	d.People = slices.Clone(d.People)
	i := slices.IndexFunc(d.People, func(p people.Person) bool { return p.ID == person })
	d.People[i].Quiet, d.People[i].TimeZone = []people.Quiet{q}, "UTC"
	s.acts.Directory = func() people.Directory { return d }
}

// The alert fires on 2 March at midnight.
func TestQuietHoursDelayTheInterruptionAndNothingElse(t *testing.T) {
	t.Run("mail at once, a message when they end, and the ladder goes on", func(t *testing.T) {
		s := tell(t, "slack", "email")
		s.quietFrom("owner", "20:00", "08:00")
		s.run(lifecycle.Spec{Policy: ladder()}, days(70))
		want(t, s.heard(),
			"03-02 00:00:00 owner by email: P3 expiring",
			"03-02 06:00:00 team by slack: P3 expiring",
			"03-02 08:00:00 owner by slack: P3 expiring",
			"03-02 12:00:00 boss by slack: P3 expiring",
			"03-02 18:00:00 watch by email: P3 expiring",
			"03-02 18:00:00 watch by slack: P3 expiring",
		)
	})
	t.Run("somebody who can only be interrupted is told when they end", func(t *testing.T) {
		s := tell(t, "slack")
		s.quietFrom("owner", "20:00", "04:00")
		s.run(lifecycle.Spec{Policy: ladder()}, days(60.3))
		want(t, s.heard(), "03-02 04:00:00 owner by slack: P3 expiring", "03-02 06:00:00 team by slack: P3 expiring")
	})
	t.Run("an answer ends it", func(t *testing.T) {
		s := tell(t, "slack", "email")
		s.quietFrom("owner", "20:00", "08:00")
		s.acknowledge(days(60).Add(7*time.Hour), "watch")
		s.run(lifecycle.Spec{Policy: ladder()}, days(60.9))
		want(t, s.heard(), "03-02 00:00:00 owner by email: P3 expiring", "03-02 06:00:00 team by slack: P3 expiring")
	})
	t.Run("a page at night is a page", func(t *testing.T) {
		s := tell(t, "slack", "email")
		s.quietFrom("watch", "12:00", "20:00")
		s.run(lifecycle.Spec{Policy: ladder()}, days(60.9))
		if heard := s.heard(); !slices.Contains(heard, "03-02 18:00:00 watch by slack: P3 expiring") {
			t.Errorf("heard:\n%s", join(heard))
		}
	})
	t.Run("P1, and what would pass the last safe moment", func(t *testing.T) {
		p := ladder()
		p.Thresholds = []lifecycle.Threshold{
			{Left: lifecycle.Span{Fixed: 9*24*time.Hour + 4*time.Hour}, Severity: alert.P3}, // the last safe moment is 4 hours later
			{Left: lifecycle.Span{Fixed: 3 * 24 * time.Hour}, Severity: alert.P1},
		}
		s := tell(t, "slack", "email")
		s.quietFrom("owner", "19:00", "05:00")
		s.run(lifecycle.Spec{Policy: p}, days(87.01))
		heard := s.heard()
		if !slices.Contains(heard, "03-22 20:00:00 owner by slack: P3 expiring") || !slices.Contains(heard, "03-29 00:00:00 owner by slack: P1 expiring") {
			t.Errorf("heard:\n%s", join(heard))
		}
	})
}

// TestAnEscalationOverWeeksFollowsEveryClock plays two weeks in which clocks go
// forward, the rota hands over between two steps, an acknowledgement lapses, and
// the lap begins again, with quiet hours in Berlin.
func TestAnEscalationOverWeeksFollowsEveryClock(t *testing.T) {
	local := func(text string) (l people.LocalTime) {
		if err := l.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return l
	}
	p := ladder()
	p.Thresholds = []lifecycle.Threshold{{Left: lifecycle.Span{Fixed: 17 * 24 * time.Hour}, Severity: alert.P3}} // Sunday, 15 March
	p.Workdays = lifecycle.Workdays{Holidays: []string{"2026-03-13 a holiday"}, TimeZone: "Europe/Berlin"}       // so Thursday, the 12th
	p.LastSafe = lifecycle.Span{Fixed: time.Hour}
	i := slices.IndexFunc(p.Escalations, func(e lifecycle.Escalation) bool { return e.Name == "P3" })
	p.Escalations[i] = lifecycle.Escalation{Name: "P3", Repeat: lifecycle.Span{Fixed: 12 * 24 * time.Hour}, Steps: []lifecycle.Rung{
		{Roles: []people.Role{people.Owner}, Reach: alert.Direct},
		{After: lifecycle.Span{Fixed: 4 * 24 * time.Hour}, Roles: []people.Role{people.OnCall}, Reach: alert.Direct},
		{After: lifecycle.Span{Fixed: 4 * 24 * time.Hour}, Roles: []people.Role{people.OnCall}, Reach: alert.Direct},
	}}
	s := tell(t, "slack", "email")
	s.quietFrom("owner", "22:30", "07:00")
	d := s.acts.Directory()
	d.Teams = slices.Clone(d.Teams)
	d.People[0].TimeZone = "Europe/Berlin"
	d.Teams[0].Rota = &people.Rota{Members: []string{"watch", "boss"}, Start: local("2026-03-09 09:00"), Every: 7 * 24 * time.Hour, TimeZone: "Europe/Berlin"}
	s.acts.Directory = func() people.Directory { return d }
	s.acknowledge(days(71).Add(7*time.Hour+30*time.Minute), "owner")
	s.run(lifecycle.Spec{Policy: p}, days(88.4))
	want(t, s.heard(),
		"03-12 00:00:00 owner by email: P3 expiring", // at 01:00 in Berlin
		"03-12 06:00:00 owner by slack: P3 expiring", // at 07:00
		"03-14 07:30:00 watch by slack: P3 expiring", // the acknowledgement of a day lapsed, one step above
		"03-18 07:30:00 boss by slack: P3 expiring",  // the rota has handed over
		"03-26 07:30:00 owner by slack: P3 expiring", // twelve days after the lap began, on a day off: steps do not move
		"03-30 07:30:00 boss by email: P3 expiring",  // handed over at 09:00 of the new time, half an hour ago
	)
}
