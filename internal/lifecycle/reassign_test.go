package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWhoeverGetsACertificateIsToldFromTheFirstStepOn(t *testing.T) {
	s, now := firing(76*day, false)
	s.Spec.Owner, s.Spec.Team = "minji", "web"
	s.Acknowledge(now, Answered{By: "minji", Via: "slack"})
	later := now.Add(time.Hour)
	s.Sight.At = later
	told := s.Reassign(later, Ownership{Owner: "hana"}, Answered{By: "boss", Via: "cli", Note: "minji left"})
	if len(told) != 1 || s.Spec.Ownership() != (Ownership{Owner: "hana", Team: "web"}) {
		t.Fatalf("%d alerts, owned by %s", len(told), s.Spec.Ownership())
	}
	if h := s.Handed; h == nil || h.By != "boss" || h.Via != "cli" || h.Note != "minji left" || !h.At.Equal(later) {
		t.Errorf("on record: %+v", h)
	}
	d := Next(later, s)
	if d.Step.Kind != StepTell || d.Reason != HandedOver || d.Step.Alert.Step != 1 || d.Step.Alert.Answer != nil || d.Attributes.Owner != "hana" {
		t.Fatalf("%s for %s, %+v", d.Step.Kind, d.Reason, d.Step.Alert)
	}
	if d.Step.Alert.Round != told[0].Round || d.Step.Alert.Handed {
		t.Errorf("round %d, handed %v", d.Step.Alert.Round, d.Step.Alert.Handed)
	}
}

func TestANoticeThatWasUnderWayToTheOldOwnerHoldsUpNoNewOne(t *testing.T) {
	s, now := firing(76*day, false)
	s.Alerts[0].NextAt = now
	s.Sight.At = now
	d := Next(now, s)
	if d.Step.Kind != StepTell {
		t.Fatal(d.Step.Kind)
	}
	s.Apply(d, now)
	s.Reassign(now, Ownership{Owner: "hana"}, Answered{By: "boss"})
	if d := Next(now, s); d.Step.Kind == StepTell {
		t.Fatal("two notices of one alert at once")
	}
	s.Told(now.Add(time.Second), Told{Alert: s.Alerts[0].ID, Failed: []string{"slack: gone"}}) // reached nobody
	if d := Next(now.Add(time.Second), s); d.Step.Kind != StepTell || d.Reason != HandedOver {
		t.Errorf("%s for %s", d.Step.Kind, d.Reason)
	}
}

func TestATeamAloneMayOwnACertificate(t *testing.T) {
	s, now := firing(76*day, false)
	s.Spec.Owner, s.Spec.Team = "minji", "web"
	both := Ownership{Owner: "hana", Team: "web", TeamAlone: true}
	if err := s.CheckReassign(both, Answered{By: "boss"}); err == nil || !strings.Contains(err.Error(), "name the team, and no owner") {
		t.Errorf("a person and a team alone: %v", err)
	}
	to := Ownership{Team: "sre", TeamAlone: true}
	if err := s.CheckReassign(to, Answered{By: "boss"}); err != nil {
		t.Fatal(err)
	}
	s.Reassign(now, to, Answered{By: "boss"})
	if got := s.Spec.Ownership(); got != (Ownership{Team: "sre"}) {
		t.Errorf("it is %+v's", got)
	}
	if d := Next(now, s); d.Step.Kind != StepTell {
		t.Errorf("nobody is told: %s", d.Reason)
	}
	if err := s.CheckReassign(to, Answered{By: "boss"}); err == nil {
		t.Error("given to whom it belongs")
	}
}

func TestTakingOverOwnsAndAcknowledges(t *testing.T) {
	s, now := firing(76*day, false)
	s.Spec.Owner = "minji"
	done := s.TakeOver(now, Answered{By: "hana", Via: "slack", Alert: s.Alerts[0].ID})
	if len(done) != 1 || done[0].Status != Acknowledged || done[0].Answer.By != "hana" || s.Spec.Owner != "hana" || s.Handed.By != "hana" {
		t.Errorf("%+v, owned by %s", done, s.Spec.Owner)
	}
	if d := Next(now, s); d.Step.Kind == StepTell {
		t.Errorf("who took it is told of it: %s", d.Reason)
	}
}

func TestWhatCannotBeGivenOrTakenIsRefused(t *testing.T) {
	s, _ := firing(76*day, false)
	s.Spec.Owner, s.Spec.Team = "minji", "web"
	calm := State{Spec: s.Spec}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"to nobody":            {s.CheckReassign(Ownership{}, Answered{By: "boss"}), "to whom?"},
		"by nobody":            {s.CheckReassign(Ownership{Owner: "hana"}, Answered{}), "needs a name"},
		"to whose it is":       {s.CheckReassign(Ownership{Owner: "minji"}, Answered{By: "boss"}), "shop is minji (team web)'s already"},
		"to its own team":      {s.CheckReassign(Ownership{Team: "web"}, Answered{By: "boss"}), "already"},
		"as it stood before":   {s.CheckReassign(Ownership{Owner: "hana"}, Answered{By: "boss", Alert: s.Alerts[0].ID, Seen: "x"}), "has changed since you saw it"},
		"taken by nobody":      {s.CheckTakeOver(Answered{}), "needs a name"},
		"taken, calm and mine": {calm.CheckTakeOver(Answered{By: "minji"}), "and no alert fires"},
		"taken, seen before":   {s.CheckTakeOver(Answered{By: "hana", Alert: s.Alerts[0].ID, Seen: "x"}), "has changed since you saw it"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
	for name, err := range map[string]error{
		"another person":           s.CheckReassign(Ownership{Owner: "hana"}, Answered{By: "boss"}),
		"mine, and an alert fires": s.CheckTakeOver(Answered{By: "minji"}),
		"calm, of another":         calm.CheckTakeOver(Answered{By: "hana"}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhoWasFoundToBeAllowedHearsThatItHasPassed(t *testing.T) {
	s, now := firing(76*day, false)
	s.Spec.Owner = "minji"
	seen := s.Spec.Ownership()
	if err := s.Passed(seen); err != nil {
		t.Error(err)
	}
	s.TakeOver(now, Answered{By: "hana", Via: "slack"})
	if err := s.Passed(seen); err == nil || !strings.Contains(err.Error(), "hana was first: gave shop to hana by slack at ") {
		t.Error(err)
	}
	s.Handed = nil // by a new spec
	if err := s.Passed(seen); err == nil || !strings.Contains(err.Error(), "shop is hana's now") {
		t.Error(err)
	}
}

// Ack, escalation, reassignment, take-over, snooze and evidence meet in every
// order. Of answers to one standing exactly one counts, and the others hear of
// it; whoever owns an open alert in the end was told of it, has it or is next.
func TestOfAnswersThatMeetEscalationAndReassignmentOneCounts(t *testing.T) {
	for seed := range uint64(1000) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { interleave(t, rand.New(rand.NewPCG(seed, 67))) })
	}
}

func interleave(t *testing.T, r *rand.Rand) {
	s, now := firing(76*day, false)
	s.Spec.Owner, s.Spec.Team = "minji", "web"
	id := s.Alerts[0].ID
	seen := s.Alerts[0].Standing() // what everybody looks at
	var log []string
	said := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
	taken, heard := 0, 0
	try := func(who, what string, check func(Answered) error, do func(Answered)) func() {
		return func() {
			in := Answered{Alert: id, By: who, Via: "test", Seen: seen}
			if err := check(in); err != nil {
				if !strings.Contains(err.Error(), "was first") && !strings.Contains(err.Error(), "has changed since") && !strings.Contains(err.Error(), "was resolved") {
					t.Errorf("%s %s hears nothing of what happened: %v", who, what, err)
				}
				heard++
				said("%s %s: %v", who, what, err)
				return
			}
			do(in)
			taken++
			said("%s %s", who, what)
		}
	}
	events := []func(){
		try("minji", "acknowledges", s.CheckAcknowledge, func(in Answered) { s.Acknowledge(now, in) }),
		try("boss", "acknowledges", s.CheckAcknowledge, func(in Answered) { s.Acknowledge(now, in) }),
		try("hana", "takes over", s.CheckTakeOver, func(in Answered) { s.TakeOver(now, in) }),
		try("boss", "reassigns", func(in Answered) error { return s.CheckReassign(Ownership{Owner: "jun"}, in) }, func(in Answered) { s.Reassign(now, Ownership{Owner: "jun"}, in) }),
		try("minji", "snoozes", func(in Answered) error { in.Until = now.Add(day); return s.CheckSnooze(now, in) }, func(in Answered) { in.Until = now.Add(day); s.Snooze(now, in) }),
	}
	answers := len(events)
	escalates := func() { // the next notice is due, is sent, and lands later
		if s.Alerts[0].Status == Firing && s.Alerts[0].SnoozedUntil.IsZero() && !s.Alerts[0].NextAt.IsZero() {
			now = latest(now, s.Alerts[0].NextAt)
		}
		s.Sight.At = now
		if d := Next(now, s); d.Step.Kind == StepTell {
			s.Apply(d, now)
			said("tell step %d (%s)", d.Step.Alert.Step-1, d.Reason)
		}
	}
	lands := func() {
		if s.flying(FlyTell, id) {
			s.Told(now, Told{Alert: id, Failed: []string{"x"}[:r.IntN(2)]})
			said("landed")
		}
	}
	events = append(events, escalates, lands, escalates, lands)
	r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for _, e := range events {
		now = now.Add(time.Duration(r.IntN(5)) * time.Second)
		e()
	}
	if taken > 1 || taken+heard != answers {
		t.Fatalf("%d answers to what was seen count, %d heard otherwise:\n%s", taken, heard, strings.Join(log, "\n"))
	}
	lands()
	a := s.Alerts[0]
	if a.quieted() {
		if a.Answer == nil || a.Handed || a.NextAt.IsZero() {
			t.Fatalf("quiet without an answer, or for ever: %+v\n%s", a, strings.Join(log, "\n"))
		}
		return
	}
	if a.Answer != nil {
		t.Fatalf("it fires and bears an answer: %+v\n%s", a.Answer, strings.Join(log, "\n"))
	}
	ladder := s.Spec.Policy.ladder(a.Plan).Steps
	if a.Handed && (a.Step != 0 || a.NextAt.After(now)) || a.NextAt.IsZero() && a.Step < len(ladder) {
		t.Fatalf("it fires and nobody is told next: %+v\n%s", a, strings.Join(log, "\n"))
	}
	if slices.ContainsFunc(log, func(l string) bool { return l == "boss reassigns" }) && s.Spec.Owner != "jun" {
		t.Fatalf("given to jun, and %s owns it", s.Spec.Owner)
	}
}
