package page

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

func TestTheAgendaSaysWhyAThresholdComesEarlier(t *testing.T) {
	words, err := lexicon()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 9, 23, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		language, want string
		why            lifecycle.Earlier
	}{
		{"en", "P4 threshold: 31 days left (moved earlier from the holiday 2026-09-25 Chu\\u202eseok)", lifecycle.Earlier{From: at.AddDate(0, 0, 2), Because: lifecycle.MovedHoliday, Holiday: "Chu\u202eseok"}},
		{"en", "P4 threshold: 31 days left (moved earlier from 2026-09-26, no working day)", lifecycle.Earlier{From: at.AddDate(0, 0, 3), Because: lifecycle.MovedDayOff}},
		{"ko", "P4 임계값: 31일 남음 (공휴일 2026-09-25 추석에서 앞당김)", lifecycle.Earlier{From: at.AddDate(0, 0, 2), Because: lifecycle.MovedHoliday, Holiday: "추석"}},
	} {
		s := workflows.Status{Plan: lifecycle.Plan{Thresholds: []lifecycle.Instant{{At: at, Severity: "P4", Earlier: &c.why}, {At: at.AddDate(0, 0, 31)}}}}
		s.State.Live.NotAfter = at.AddDate(0, 0, 31)
		r := reader{words: words, Language: c.language, Zone: time.UTC, Now: at.AddDate(0, 0, -1)}
		if got := event(r, lifecycle.Event{At: at, Reason: lifecycle.UntilThreshold}, s); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
