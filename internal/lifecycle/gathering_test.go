package lifecycle

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// gathering is a watched certificate whose first notice was just put into the
// inboxes of two.
func gathering(t *testing.T) (s State, now time.Time, id string) {
	t.Helper()
	now = time.Date(2026, 3, 26, 0, 0, 0, 0, time.UTC)
	s = State{Spec: Spec{Name: "a", Names: []string{"a.test"}, Owner: "minji", Team: "web", Policy: Default()}, EnrolledAt: now.AddDate(0, 0, -60)}
	s.Live.Fingerprint, s.Live.NotBefore, s.Live.NotAfter = "aa", now.AddDate(0, 0, -84), now.AddDate(0, 0, 6)
	s.Sight.At, s.Sight.SeenAt = now, now
	d := Next(now, s)
	if d.Step.Kind != StepTell || d.Step.Alone {
		t.Fatalf("it does not tell: %+v", d.Step)
	}
	s.Apply(d, now)
	id = d.Step.Alert.ID
	s.Told(now, Told{Alert: id, Posted: []string{"minji", "web"}, Until: now.Add(10 * time.Minute)})
	return s, now, id
}

func TestANoticeThatWaitsInAnInboxIsNotToldAgainWhileItMayWait(t *testing.T) {
	s, now, id := gathering(t)
	if a := s.Alert(id); a.Unreached || a.Gathering == nil || !a.NextAt.Equal(now.Add(6*time.Hour)) {
		t.Errorf("its escalation does not run since it was decided to tell: %+v", a)
	}
	if d := Next(now, s); d.Step.Kind != StepWait || d.Reason == InboxMissed || d.Due.After(now.Add(10*time.Minute)) {
		t.Errorf("%s %s until %s", d.Step.Kind, d.Reason, d.Due)
	}
}

func TestANoticeOfWhichNoInboxSaysAnythingIsToldByItselfUnderItsOldKey(t *testing.T) {
	s, now, id := gathering(t)
	s.Delivered(now, Delivered{Alert: id, Notice: 1, To: "minji", Receipts: []alert.Receipt{{Channel: "slack", Kind: "slack", To: "minji"}}})
	now = now.Add(10 * time.Minute)
	s.Sight.At = now
	d := Next(now, s)
	if d.Step.Kind != StepTell || d.Reason != InboxMissed || !d.Step.Alone || d.Step.Alert.Told != 1 || d.Step.Alert.Step != 1 {
		t.Errorf("%s %s %+v", d.Step.Kind, d.Reason, d.Step.Alert)
	}
}

func TestWhenEveryInboxHasSpokenItCountsWhetherAnybodyWasReached(t *testing.T) {
	for _, reached := range []bool{true, false} {
		s, now, id := gathering(t)
		in := Delivered{Alert: id, Notice: 1, To: "minji", Failed: []string{"slack to minji: no"}}
		if reached {
			in.Receipts = []alert.Receipt{{Channel: "mail", Kind: "email", To: "minji", Digest: "inbox:minji/1"}}
		}
		s.Delivered(now, in)
		s.Delivered(now, Delivered{Alert: id, Notice: 1, To: "web", Failed: []string{"slack to web: no"}})
		a := s.Alert(id)
		if a.Gathering != nil || a.Unreached == reached || len(a.Failed) < 2 {
			t.Errorf("reached %t: %+v", reached, a)
		}
		if next := a.NextAt.Sub(now); reached != (next == 6*time.Hour) {
			t.Errorf("reached %t: the next step is due in %s", reached, next)
		}
	}
}

func TestWhatWaitsInAnInboxIsTakenBackWhenSomebodyAnswers(t *testing.T) {
	s, now, id := gathering(t)
	if got := s.Withdraw(); len(got) != 0 {
		t.Fatalf("taken back although it fires: %+v", got)
	}
	s.Acknowledge(now, Answered{By: "minji"})
	got := s.Withdraw()
	if len(got) != 1 || len(got[0].Gathering.To) != 2 || s.Alert(id).Gathering != nil {
		t.Errorf("taken back: %+v", got)
	}
	// The inbox was faster: its message is brought up to date.
	s.Delivered(now, Delivered{Alert: id, Notice: 1, To: "minji", Receipts: []alert.Receipt{{Channel: "slack", Kind: "slack", To: "minji", Digest: "inbox:minji/1"}}})
	if a := s.Alert(id); a.Edit != alert.Acknowledged || a.Unreached {
		t.Errorf("%+v", a)
	}
}

func TestTheWordOfAnInboxAboutAnEarlierNoticeChangesNothingElse(t *testing.T) {
	s, now, id := gathering(t)
	s.Alert(id).Told = 2
	s.Alert(id).Gathering.Notice = 2
	s.Delivered(now, Delivered{Alert: id, Notice: 1, To: "minji", Failed: []string{"slack: no"}})
	if a := s.Alert(id); a.Gathering == nil || len(a.Gathering.To) != 2 || len(a.Failed) != 0 {
		t.Errorf("%+v", a)
	}
}
