package outgoing

import (
	"testing"
	"time"
)

func TestRetryAfterIsReadInSecondsAndAsADate(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]struct {
		wait  time.Duration
		asked bool
	}{
		"":                              {},
		"soon":                          {},
		"1.5":                           {},
		"120":                           {2 * time.Minute, true},
		"0":                             {0, true},
		"-5":                            {0, true},
		"9000000000000000000":           {longestRetryAfter, true},
		"Sun, 01 Mar 2026 12:30:00 GMT": {30 * time.Minute, true},
		"Sun, 01 Mar 2026 11:00:00 GMT": {0, true},
		"Fri, 31 Dec 9999 23:59:59 GMT": {longestRetryAfter, true},
	} {
		if wait, asked := RetryAfter(value, now); wait != want.wait || asked != want.asked {
			t.Errorf("%q: %v, %v", value, wait, asked)
		}
	}
}
