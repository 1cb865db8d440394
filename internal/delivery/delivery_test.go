package delivery_test

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/delivery"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

func TestOneFailureIsTroubleUnlessTheChannelWorkedJustBefore(t *testing.T) {
	var never, just delivery.Trouble
	if !never.Struck(at(0), time.Time{}, "token_revoked") {
		t.Error("a channel that never worked and fails is no trouble")
	}
	if just.Struck(at(5), at(0), "one") {
		t.Error("one failure five minutes after a success is trouble for everybody")
	}
	if !just.Struck(at(6), at(0), "two") {
		t.Error("two failures with nothing accepted between are none")
	}
	var between delivery.Trouble
	between.Struck(at(5), at(0), "one")
	if between.Struck(at(7), at(6), "two") {
		t.Error("two failures with a success between are trouble")
	}
	if !between.Struck(at(30), at(6), "three") {
		t.Error("a failure long after the last success is none")
	}
}

func TestTroubleThatComesAndGoesIsToldOnceAnHour(t *testing.T) {
	var x delivery.Trouble
	x.Struck(at(0), time.Time{}, "down")
	if got := x.TellAt(at(0)); !got.Equal(at(0)) {
		t.Errorf("the first is told at %s", got)
	}
	if x.Worked(at(-1)) || !x.Worked(at(3)) || x.On() {
		t.Errorf("it is not over: %+v", x)
	}
	x.Struck(at(20), at(3), "down again")
	if got := x.TellAt(at(20)); !got.Equal(at(63)) {
		t.Errorf("the second is told at %s", got)
	}
}

func TestAChannelInTroubleIsTriedEverMoreSeldom(t *testing.T) {
	var x delivery.Trouble
	x.Struck(at(0), time.Time{}, "down")
	var tries []int
	for m := range 24 * 60 {
		if x.TryDue(at(m)) {
			tries = append(tries, m)
		}
	}
	if len(tries) < 6 || len(tries) > 9 || tries[0] != 5 {
		t.Errorf("tried at minutes %v", tries)
	}
	x.Worked(at(2000))
	if x.TryDue(at(9999)) {
		t.Error("a channel that works is tried")
	}
}

func TestAProofOfLifeThatNobodyAnswersIsDoubtOnce(t *testing.T) {
	p := delivery.Plan{Every: 30 * 24 * time.Hour, Within: 7 * 24 * time.Hour}
	day := func(n int) time.Time { return start.Add(time.Duration(n) * 24 * time.Hour) }
	var l delivery.Life
	l.Planned(day(0), p)
	if l.AskDue(day(29), p) || !l.AskDue(day(30), p) || l.AskDue(day(30), p) {
		t.Errorf("asked at another time: %+v", l)
	}
	if l.Overdue(day(36)) || !l.Overdue(day(37)) || l.Overdue(day(38)) || !l.Doubtful {
		t.Errorf("doubt at another time: %+v", l)
	}
	l.Answered(day(40), "minji", "slack")
	if l.Doubtful || l.By != "minji" || !l.NextAt.Equal(day(60)) {
		t.Errorf("%+v", l)
	}
	l.AskDue(day(60), p)
	l.Unasked("no address")
	if l.Overdue(day(99)) || l.Unreached == "" {
		t.Error("silence of somebody who was not asked counts")
	}
	l.Planned(day(61), delivery.Plan{})
	if l.AskDue(day(400), delivery.Plan{}) {
		t.Error("asked although it is switched off")
	}
	l.Planned(day(61), delivery.Plan{Every: 24 * time.Hour})
	if !l.NextAt.Equal(day(62)) {
		t.Errorf("the new plan counts from %s", l.NextAt)
	}
}

func TestAStandingThatIsOlderChangesNothing(t *testing.T) {
	s, _ := delivery.Standing{}.After(delivery.Outcome{Channel: "a", At: at(5), About: delivery.Channel, Why: "x"})
	if got, worth := s.After(delivery.Outcome{Channel: "a", At: at(4), About: delivery.Channel, Why: "y"}); worth || got.Why != "x" {
		t.Errorf("%+v", got)
	}
	if got, _ := s.After(delivery.Outcome{Channel: "a", At: at(4)}); !got.Failing {
		t.Error("a success before the failure ends it")
	}
	if got, worth := s.After(delivery.Outcome{Channel: "a", At: at(6)}); got.Failing || !worth {
		t.Error("a success after the failure does not end it")
	}
}
