package lifecycle

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// shortLifetime separates the certificates that renew at half their life.
const shortLifetime = 10 * 24 * time.Hour

// usualLifetime stands for the lifetime of what was never issued or seen, and
// its first attempts are spread over firstAttempts.
const (
	usualLifetime = 90 * 24 * time.Hour
	firstAttempts = 24 * time.Hour
)

// Plan is the calendar of one version under a policy.
type Plan struct {
	Lifetime   time.Duration // both ends inclusive, as RFC 5280 4.1.2.5 counts
	RenewAt    time.Time
	LastSafe   time.Time
	Thresholds []Instant // as the policy lists them; the last is expiry itself
	// WindowIgnored says why the CA's window was not used; empty if it was, or if there is none.
	WindowIgnored string
	// Freeze is the one for which RenewAt is earlier than it would be; nil if there is none.
	Freeze *Frozen `json:",omitempty"`
}

// Instant is a threshold in time.
type Instant struct {
	At       time.Time
	Severity alert.Severity
	Earlier  *Earlier `json:",omitempty"` // nil where it has its usual place
}

// PlanOf computes the calendar. The same input gives the same instants, always.
func PlanOf(v cert.Version, window *cert.Window, p Policy) Plan {
	l := inclusive(v.Lifetime())
	left, usual := p.RenewLeft.Of(l), (l / 3).Truncate(time.Second)
	if l < shortLifetime {
		left, usual = p.RenewLeftShort.Of(l), (l / 2).Truncate(time.Second)
	}
	if left >= l { // a policy for longer lives would renew without end
		left = usual
	}
	plan := Plan{
		Lifetime: l,
		RenewAt:  v.NotAfter.Add(-left),
		LastSafe: v.NotAfter.Add(-min(p.LastSafe.Of(l), left)),
	}
	if window != nil {
		if why := unusable(*window, v, l); why != "" {
			plan.WindowIgnored = why
		} else {
			plan.RenewAt = within(*window, v.Fingerprint)
		}
	}
	if len(p.Freezes) > 0 {
		plan.avoid(v, p)
	}
	for _, t := range p.Thresholds {
		plan.Thresholds = append(plan.Thresholds, p.Workdays.move(Instant{At: v.NotAfter.Add(-t.Left.Of(l)), Severity: t.Severity}, l/10))
	}
	plan.Thresholds = append(plan.Thresholds, Instant{At: v.NotAfter, Severity: alert.P1})
	return plan
}

// inclusive counts both ends. Watched certificates may be nonsense: they may
// end before they begin, or in the year 9999.
func inclusive(l time.Duration) time.Duration {
	if l > math.MaxInt64-time.Second {
		return l
	}
	return max(l, 0) + time.Second
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
	return latest(w.Start, w.Start.Add(time.Duration(share*float64(w.End.Sub(w.Start)))).Truncate(time.Second))
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

func (p Plan) end() time.Time { return p.Thresholds[len(p.Thresholds)-1].At }

// next gives the first threshold after now; zero if none.
func (p Plan) next(now time.Time) time.Time {
	var first time.Time
	for _, t := range p.Thresholds {
		if t.At.After(now) && (first.IsZero() || t.At.Before(first)) {
			first = t.At
		}
	}
	return first
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

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
