package gather_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/gather"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// mail plays an inbox: what arrives when, and gives what was sent when.
type mail struct {
	state   gather.State
	waiting []gather.Waiting
	sent    []string
}

func (m *mail) take(after time.Duration, severity alert.Severity, reason alert.Reason, next time.Duration) {
	m.until(start.Add(after))
	w := gather.Waiting{At: start.Add(after), Severity: severity, Reason: reason}
	var step time.Time
	if next > 0 {
		step = w.At.Add(next)
	}
	w.By = m.state.Rules.Latest(severity, w.At, step)
	m.waiting = append(m.waiting, w)
	m.turn(w.At)
}

// until plays what becomes due before an instant.
func (m *mail) until(end time.Time) {
	for {
		next := m.state.Turn(start, m.waiting).Next
		if next.IsZero() || next.After(end) {
			return
		}
		m.turn(next)
	}
}

func (m *mail) turn(now time.Time) {
	t := m.state.Turn(now, m.waiting)
	gone := map[int]bool{}
	for _, batch := range t.Batches {
		first := m.waiting[batch[0]]
		m.sent = append(m.sent, fmt.Sprintf("%s: %d %s", now.Sub(start), len(batch), first.Severity))
		m.state.Went(now, first.Severity, first.Reason, len(batch))
		for _, i := range batch {
			gone[i] = true
		}
	}
	var rest []gather.Waiting
	for i, w := range m.waiting {
		if !gone[i] {
			rest = append(rest, w)
		}
	}
	m.waiting = rest
}

func (m *mail) want(t *testing.T, want ...string) {
	t.Helper()
	m.until(start.AddDate(1, 0, 0))
	if fmt.Sprint(m.sent) != fmt.Sprint(want) || len(m.waiting) > 0 {
		t.Errorf("sent  %v\nwant  %v\nstill %v", m.sent, want, m.waiting)
	}
}

func inbox() *mail { return &mail{state: gather.State{Rules: gather.Default()}} }

func TestANoticeAloneIsSentAfterAShortWait(t *testing.T) {
	m := inbox()
	m.take(0, alert.P2, alert.Expiring, 6*time.Hour)
	m.take(10*time.Minute, alert.P3, alert.Expiring, 0)
	m.want(t, "1m0s: 1 P2", "11m0s: 1 P3")
}

func TestAStormIsOneMessage(t *testing.T) {
	m := inbox()
	for range 200 {
		m.take(0, alert.P2, alert.Expiring, 6*time.Hour)
	}
	m.want(t, "1m0s: 200 P2")
}

func TestAStormThatGoesOnForAnHourIsAFewMessages(t *testing.T) {
	m := inbox()
	for i := range 200 {
		m.take(time.Duration(i)*18*time.Second, alert.P2, alert.Expiring, 6*time.Hour)
	}
	m.want(t, "1m0s: 4 P2", "2m12s: 4 P2", "3m24s: 4 P2", "1h1m0s: 188 P2")
}

func TestManyAtOnceTellThatMoreWillCome(t *testing.T) {
	m := inbox()
	for range gather.Many {
		m.take(0, alert.P3, alert.Expiring, 0)
	}
	m.take(10*time.Minute, alert.P3, alert.Expiring, 0)
	m.take(20*time.Minute, alert.P2, alert.Expiring, 0)
	m.want(t, "1m0s: 10 P3", "1h1m0s: 2 P3")
}

func TestWhatIsMoreUrgentTakesTheRestAlong(t *testing.T) {
	m := inbox()
	m.state.Rules.P4 = time.Hour
	m.take(0, alert.P4, alert.Expiring, 0)
	m.take(time.Second, alert.P2, alert.Unseen, 0)
	m.want(t, "1m1s: 2 P4")
}

func TestTheFirstPageOfAReasonGoesAtOnceAndTheOthersTogether(t *testing.T) {
	m := inbox()
	m.take(0, alert.P2, alert.Expiring, 0)
	for range 500 {
		m.take(time.Second, alert.P1, alert.AttemptsSpent, 30*time.Minute)
	}
	m.take(2*time.Second, alert.P1, alert.Expiring, 30*time.Minute)
	m.want(t, "1s: 1 P1", "2s: 1 P1", "1m0s: 1 P2", "2m1s: 499 P1")
}

func TestNothingWaitsForLongWhereTheNextStepIsNear(t *testing.T) {
	m := inbox()
	for range gather.Many {
		m.take(0, alert.P2, alert.Expiring, 8*time.Second)
	}
	m.take(3*time.Second, alert.P2, alert.Expiring, 8*time.Second)
	m.want(t, "2s: 10 P2", "5s: 1 P2")
}

func TestRulesThatWouldKeepPeopleWaitingAreRefused(t *testing.T) {
	if errs := gather.Default().Validate(); len(errs) > 0 {
		t.Error(errs)
	}
	bad := gather.Rules{P1: time.Hour, P2: -time.Second, P3: 5 * time.Hour, P4: 5 * time.Hour, Every: 48 * time.Hour}
	if errs := bad.Validate(); len(errs) != 6 {
		t.Errorf("%d errors: %v", len(errs), errs)
	}
}
