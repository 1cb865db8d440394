package workflows_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// deadLetters lists what was lost, once however often it was recorded.
func (s *story) deadLetters() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, u := range s.lost {
		line := fmt.Sprintf("%s: %s to %s: %s: %s; instead %v", u.About, u.Channel, u.To, u.Reason, u.Why, u.Instead)
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

func TestAMessageThatAChannelRefusesIsADeadLetterThatSaysWhereItWentInstead(t *testing.T) {
	s := tell(t, "slack", "email")
	s.refuses["slack"] = true
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.1))
	want(t, s.deadLetters(), "channel: slack to owner: expiring: the channel refuses; instead [owner by email]")
	if len(s.broken) != 0 {
		t.Errorf("an address counts as broken: %+v", s.broken)
	}
}

func TestAnAddressThatLeadsNowhereIsAvoidedFromThenOn(t *testing.T) {
	s := tell(t, "slack", "email")
	s.nowhere = map[string]bool{"UOWNER": true}
	p := ladder()
	s.run(lifecycle.Spec{Policy: p}, days(60.1))
	want(t, s.deadLetters(), "address: slack to owner: expiring: UOWNER leads nowhere; instead [owner by email]")
	if len(s.broken) != 1 || !s.broken[0].Is("slack", "UOWNER") || s.broken[0].Owner != "owner" || s.broken[0].Returned {
		t.Errorf("broken: %+v", s.broken)
	}
	later := tell(t, "slack", "email")
	later.broken = []delivery.Broken{{Kind: "slack", Address: "UOWNER", TriedAt: days(60).Add(-time.Hour)}}
	later.nowhere = map[string]bool{"UOWNER": true}
	later.run(lifecycle.Spec{Policy: p}, days(60.1))
	want(t, later.heard(), "03-02 00:00:00 owner by email: P3 expiring")
	want(t, later.deadLetters())
}

func TestAnAddressThatWasRefusedLongAgoIsTriedAgain(t *testing.T) {
	s := tell(t, "slack", "email")
	s.broken = []delivery.Broken{{Kind: "slack", Address: "UOWNER", TriedAt: days(58)}, {Kind: "email", Address: "owner@example.com", Returned: true, TriedAt: days(1)}}
	s.run(lifecycle.Spec{Policy: ladder()}, days(60.1))
	want(t, s.heard(), "03-02 00:00:00 owner by slack: P3 expiring")
	if len(s.broken) != 1 || s.broken[0].Kind != "email" {
		t.Errorf("what accepted a message is not mended, or what sends them back is: %+v", s.broken)
	}
}

func TestANoticeThatReachesNobodyIsADeadLetter(t *testing.T) {
	s := tell(t)
	s.run(lifecycle.Spec{Policy: ladder()}, days(61))
	got := s.deadLetters()
	if len(got) == 0 || !contains(got[0], "nobody:  to : expiring: no channel leads to") {
		t.Errorf("%q", got)
	}
}

func TestDeadLettersOutliveAStoreThatIsAway(t *testing.T) {
	s := tell(t, "slack", "email")
	s.refuses["slack"] = true
	s.shut = refused
	s.at(days(60.5), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.lost) > 0 {
			t.Error("the store was not away")
		}
		s.shut = nil
	})
	s.run(lifecycle.Spec{Policy: ladder()}, days(61))
	if got := s.deadLetters(); len(got) == 0 || !contains(got[0], "channel: slack to owner") {
		t.Errorf("%q", got)
	}
}
