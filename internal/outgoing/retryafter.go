package outgoing

import (
	"net/http"
	"strconv"
	"time"
)

// longestRetryAfter is what a longer wish counts as.
const longestRetryAfter = 366 * 24 * time.Hour

// RetryAfter is how long the value of the HTTP header of that name asks to wait from
// now on, in seconds or as a date (RFC 9110, 10.2.3); 0 for an instant that has
// passed. Of none, or of one that makes no sense, asked is false.
func RetryAfter(value string, now time.Time) (wait time.Duration, asked bool) {
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(longestRetryAfter/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), longestRetryAfter), true
}
