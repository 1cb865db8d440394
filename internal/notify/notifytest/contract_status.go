package notifytest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Answers makes the other side answer every request with a status, and with
// Retry-After in seconds unless that is 0. Status 0 ends it.
type Answers func(status, retryAfter int)

// meaning is what a channel has to make of a status that is no success (RFC 9110,
// RFC 6585): what passes by itself is tried again, by the server's date if it
// gives one; everything else is for people to mend, and another channel is used.
func meaning(status, retryAfter int) []fault.Kind {
	switch {
	case status == http.StatusTooManyRequests, status >= 500 && retryAfter > 0:
		return []fault.Kind{fault.Unavailable}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		return []fault.Kind{fault.Transient}
	case status == http.StatusNotFound, status == http.StatusGone:
		return []fault.Kind{fault.Configuration, fault.NotFound}
	}
	return []fault.Kind{fault.Configuration, fault.Invalid}
}

// everyStatus walks all statuses that are no success.
func everyStatus(t *testing.T, b Bench) {
	if b.Answers == nil {
		t.Skip("the channel speaks no HTTP")
	}
	walked := 0
	for _, retryAfter := range []int{0, 90} {
		for status := 300; status < 600; status++ {
			if retryAfter > 0 && status != http.StatusTooManyRequests && status < 500 {
				continue // it says nothing there
			}
			want := meaning(status, retryAfter)
			if b.Means != nil {
				if own := b.Means(status, retryAfter); own != nil {
					want = own
				}
			}
			b.Answers(status, retryAfter)
			r, err := b.Channel.Send(t.Context(), b.message(Sample(), "en"), false)
			walked++
			switch kind := fault.KindOf(err); {
			case err == nil:
				t.Errorf("%d passed for a success: %+v", status, r)
			case !slices.Contains(want, kind):
				t.Errorf("%d, Retry-After %d: %v is %s, want one of %v", status, retryAfter, err, kind, want)
			case b.Means == nil && kind == fault.Unavailable && retryAfter > 0 && time.Until(fault.RetryAt(err)) < time.Duration(retryAfter-30)*time.Second:
				t.Errorf("%d: Retry-After %d became %v", status, retryAfter, time.Until(fault.RetryAt(err)))
			case kind == fault.Unavailable && !fault.RetryAt(err).After(time.Now()):
				t.Errorf("%d: %v carries no date", status, err)
			}
			b.harmless(t, err)
		}
	}
	b.Answers(0, 0)
	if walked != 401 {
		t.Errorf("%d answers were walked", walked)
	}
	if n := len(b.ids()); n != 0 {
		t.Errorf("%d messages were taken by a server that refuses", n)
	}
	b.send(t, b.message(Sample(), "en"), false) // and then it works again
}
