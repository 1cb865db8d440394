package scan

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

const day = 24 * time.Hour

// longest lists since when (by NotBefore) public CAs may issue for how long at
// most: CA/Browser Forum, Baseline Requirements 6.3.2, with ballot SC-081.
var longest = []struct {
	since time.Time
	limit time.Duration
}{
	{time.Date(2029, 3, 15, 0, 0, 0, 0, time.UTC), 47 * day},
	{time.Date(2027, 3, 15, 0, 0, 0, 0, time.UTC), 100 * day},
	{time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 200 * day},
	{time.Date(2020, 9, 1, 0, 0, 0, 0, time.UTC), 398 * day},
	{time.Date(2018, 3, 1, 0, 0, 0, 0, time.UTC), 825 * day},
}

// Apple's systems refuse longer ones of any CA, issued since this day.
var (
	privateSince = time.Date(2019, 7, 1, 0, 0, 0, 0, time.UTC)
	privateLimit = 825 * day
)

// lifetime compares how long the leaf was issued for with what clients accept.
func (s *Scanner) lifetime(leaf, root *x509.Certificate) []cert.Finding {
	limit := time.Duration(0)
	if slices.ContainsFunc(s.Own, root.Equal) {
		if !leaf.NotBefore.Before(privateSince) {
			limit = privateLimit
		}
	} else {
		for _, l := range longest {
			if !leaf.NotBefore.Before(l.since) {
				limit = l.limit
				break
			}
		}
	}
	life := leaf.NotAfter.Sub(leaf.NotBefore) + time.Second // both ends count: RFC 5280, 4.1.2.5
	if limit == 0 || life <= limit {
		return nil
	}
	days := (life + day - time.Second) / day
	return found(cert.LifetimeTooLong, "was issued for %d days; those issued on its day may last %d", days, limit/day)
}
