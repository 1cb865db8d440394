package lifecycle

import "time"

// leastToAnswer is how long somebody is given at least to say whether they take
// over certificates.
const leastToAnswer = time.Hour

// HandoverBy is until when a receiver may answer: within so long, but no more
// than a tenth of the time that is left to the first of the certificates, so that
// they have an owner before the next threshold. An alert that pages leaves an hour.
func HandoverBy(now time.Time, within time.Duration, first time.Time, paging bool) time.Time {
	left := within
	if !first.IsZero() {
		left = max(min(within, first.Sub(now)/10), min(within, leastToAnswer))
	}
	if paging {
		left = min(left, leastToAnswer)
	}
	return now.Add(left)
}
