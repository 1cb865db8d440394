package lifecycle

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// shortLifetime separates the certificates that renew at half their life.
const shortLifetime = 10 * 24 * time.Hour

// Plan is the calendar of one version under a policy.
type Plan struct {
	Lifetime   time.Duration // both ends inclusive, as RFC 5280 4.1.2.5 counts
	RenewAt    time.Time
	LastSafe   time.Time
	Thresholds []Instant // in the order of time; the last is expiry itself
	// WindowIgnored says why the CA's window was not used; empty if it was, or if there is none.
	WindowIgnored string
}

// Instant is a threshold in time.
type Instant struct {
	At       time.Time
	Severity alert.Severity
}

// PlanOf computes the calendar. The same input gives the same instants, always.
func PlanOf(v cert.Version, window *cert.Window, p Policy) Plan {
	l := v.Lifetime() + time.Second
	plan := Plan{Lifetime: l, LastSafe: v.NotAfter.Add(-p.LastSafe.Of(l))}
	left := p.RenewLeft
	if l < shortLifetime {
		left = p.RenewLeftShort
	}
	plan.RenewAt = v.NotAfter.Add(-left.Of(l))
	if window != nil {
		if why := unusable(*window, v, l); why != "" {
			plan.WindowIgnored = why
		} else {
			plan.RenewAt = within(*window, v.Fingerprint)
		}
	}
	for _, t := range p.Thresholds {
		plan.Thresholds = append(plan.Thresholds, Instant{v.NotAfter.Add(-t.Left.Of(l)), t.Severity})
	}
	plan.Thresholds = append(plan.Thresholds, Instant{v.NotAfter, alert.P1})
	return plan
}

func unusable(w cert.Window, v cert.Version, l time.Duration) string {
	switch {
	case w.Start.IsZero() || w.End.IsZero() || !w.End.After(w.Start):
		return "malformed"
	case w.Start.Before(v.NotBefore) || w.End.After(v.NotAfter):
		return "outside the validity"
	case w.End.Sub(w.Start) > l/3:
		return "wider than a third of the lifetime"
	}
	return ""
}

// within picks the fixed point of a window that belongs to a fingerprint
// (RFC 9773, 4.2 asks for a uniformly random one, chosen once).
func within(w cert.Window, f cert.Fingerprint) time.Time {
	b, err := hex.DecodeString(string(f))
	if err != nil || len(b) < 8 {
		return w.Start
	}
	share := float64(binary.BigEndian.Uint64(b)>>11) / (1 << 53)
	return w.Start.Add(time.Duration(share * float64(w.End.Sub(w.Start)))).Truncate(time.Second)
}

// Level is the index of the most urgent threshold crossed at now, -1 if none.
func (p Plan) Level(now time.Time) int {
	level := -1
	for i, t := range p.Thresholds {
		if !now.Before(t.At) {
			level = i
		}
	}
	return level
}

// next gives the first threshold after now; zero if none.
func (p Plan) next(now time.Time) time.Time {
	for _, t := range p.Thresholds {
		if t.At.After(now) {
			return t.At
		}
	}
	return time.Time{}
}

// RetryTimes spreads n attempts over [first, end]: the gaps grow, so that a
// passing trouble is retried soon and the last attempt falls on end. Where no
// room is left it spreads up to notAfter, and past that over a tenth of the lifetime.
func RetryTimes(first time.Time, plan Plan, notAfter time.Time, n int) []time.Time {
	end := plan.LastSafe
	if margin := plan.Lifetime / 50; end.Sub(first) < margin {
		end = notAfter
		if end.Sub(first) < margin {
			end = first.Add(plan.Lifetime / 10)
		}
	}
	out := []time.Time{first}
	total := end.Sub(first)
	for k := 1; k < n; k++ {
		share := float64(k*k) / float64((n-1)*(n-1))
		out = append(out, first.Add(time.Duration(share*float64(total))).Truncate(time.Second))
	}
	return out
}
