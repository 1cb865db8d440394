package budget

import (
	"strings"
	"time"
)

// Left tells how many orders the limits allow now, by what they limit (account,
// domain, names, failures); of several of one kind, where the least is left. A
// limit that nothing was counted under yet is not known.
func (s State) Left(now time.Time) map[string]int {
	out := map[string]int{}
	for _, u := range s.Uses {
		left := u.Most
		for _, at := range u.At {
			if at.Add(u.Within + Slack).After(now) {
				left--
			}
		}
		kind, _, _ := strings.Cut(u.Key, "/")
		if before, ok := out[kind]; !ok || left < before {
			out[kind] = max(0, left)
		}
	}
	return out
}
