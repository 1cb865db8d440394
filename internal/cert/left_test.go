package cert

import (
	"testing"
	"time"
)

func TestWhatIsLeftIsFlooredInOneUnit(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 6, 1, 3, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration][2]string{
		30 * day:                   {"30d", "30 days left"},
		30*day - 1:                 {"29d", "29 days left"},
		2 * day:                    {"2d", "2 days left"},
		2*day - 1:                  {"47h", "47 hours left"},
		day:                        {"24h", "24 hours left"},
		2 * time.Hour:              {"2h", "2 hours left"},
		2*time.Hour - 1:            {"119m", "119 minutes left"},
		time.Minute:                {"1m", "1 minute left"},
		time.Minute - 1:            {"0m", "less than a minute left"},
		1:                          {"0m", "less than a minute left"},
		0:                          {"expired", "expired less than a minute ago"},
		-time.Hour:                 {"expired", "expired 60 minutes ago"},
		-2*time.Hour - time.Minute: {"expired", "expired 2 hours ago"},
		-2 * day:                   {"expired", "expired 2 days ago"},
		-10*day - time.Hour:        {"expired", "expired 10 days ago"},
	} {
		l := LeftUntil(now, now.Add(left))
		if l.Short() != want[0] || l.String() != want[1] {
			t.Errorf("%s: %q, %q; want %q", left, l.Short(), l, want)
		}
		if days := DaysLeft(now, now.Add(left)); l.Unit == day && !l.Passed && days != l.N || l.Passed != (left <= 0) || days < 0 && !l.Passed {
			t.Errorf("%s: %d days for programs, %s for people", left, days, l)
		}
	}
}
