package lifecycle

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time that may depend on the lifetime L of a certificate:
// a fixed duration ("36h", "30d"), a share of L ("33%", "1/3"), or the lesser
// of both ("min(30d,1/3)"). The zero Span is zero.
type Span struct {
	Fixed    time.Duration
	Num, Den int64 // share of L; Den 0 means no share
}

// Of gives the span for a lifetime, shares in whole seconds. It never exceeds
// either part.
func (s Span) Of(lifetime time.Duration) time.Duration {
	if s.Den == 0 {
		return s.Fixed
	}
	n := new(big.Int).Mul(big.NewInt(int64(lifetime)), big.NewInt(s.Num))
	share := time.Duration(n.Div(n, big.NewInt(s.Den)).Int64()).Truncate(time.Second)
	if s.Fixed > 0 && s.Fixed < share {
		return s.Fixed
	}
	return share
}

// IsZero reports whether nothing was set.
func (s Span) IsZero() bool { return s == Span{} }

// String writes the span as ParseSpan reads it.
func (s Span) String() string {
	share := fmt.Sprintf("%d/%d", s.Num, s.Den)
	if s.Den > 0 && 100*s.Num%s.Den == 0 {
		share = fmt.Sprintf("%d%%", 100*s.Num/s.Den)
	}
	switch {
	case s.Den == 0:
		return FormatDuration(s.Fixed)
	case s.Fixed == 0:
		return share
	}
	return "min(" + FormatDuration(s.Fixed) + "," + share + ")"
}

// MarshalText writes the span for JSON and YAML.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it back.
func (s *Span) UnmarshalText(b []byte) error {
	got, err := ParseSpan(string(b))
	if err == nil {
		*s = got
	}
	return err
}

var both = regexp.MustCompile(`^min\(([^,]+),([^,]+)\)$`)

// ParseSpan reads "30d", "36h", "90s", "33%", "1/3" or "min(30d,33%)".
func ParseSpan(text string) (Span, error) {
	t := strings.ReplaceAll(strings.TrimSpace(text), " ", "")
	if m := both.FindStringSubmatch(t); m != nil {
		a, err := ParseSpan(m[1])
		if err != nil {
			return Span{}, err
		}
		b, err := ParseSpan(m[2])
		if err != nil {
			return Span{}, err
		}
		if a.Den != 0 || b.Den == 0 {
			return Span{}, fmt.Errorf("%q: write the duration first and the share second: min(30d,33%%)", text)
		}
		b.Fixed = a.Fixed
		return b, nil
	}
	if p, ok := strings.CutSuffix(t, "%"); ok {
		r, ok := new(big.Rat).SetString(p)
		if !ok {
			return Span{}, badSpan(text)
		}
		return shareOf(r.Mul(r, big.NewRat(1, 100)), text)
	}
	if strings.Contains(t, "/") {
		r, ok := new(big.Rat).SetString(t)
		if !ok {
			return Span{}, badSpan(text)
		}
		return shareOf(r, text)
	}
	d, err := ParseDuration(t)
	if err != nil {
		return Span{}, badSpan(text)
	}
	return Span{Fixed: d}, nil
}

func shareOf(r *big.Rat, text string) (Span, error) {
	if r.Sign() <= 0 || r.Cmp(big.NewRat(1, 1)) > 0 || !r.Num().IsInt64() || !r.Denom().IsInt64() {
		return Span{}, fmt.Errorf("%q: a share lies between 0%% and 100%%", text)
	}
	return Span{Num: r.Num().Int64(), Den: r.Denom().Int64()}, nil
}

func badSpan(text string) error {
	return fmt.Errorf("%q is not a duration: write 30d, 36h, 15m, 90s, a share of the lifetime (33%%, 1/3) or min(30d,33%%)", text)
}

var days = regexp.MustCompile(`^(\d+(?:\.\d+)?)d(.*)$`)

// ParseDuration reads what time.ParseDuration reads, and days of 24 hours in
// front: "30d", "1d12h". Negative durations are refused.
func ParseDuration(text string) (time.Duration, error) {
	rest, total := strings.TrimSpace(text), time.Duration(0)
	if m := days.FindStringSubmatch(rest); m != nil {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || n > 36500 {
			return 0, fmt.Errorf("%q: at most 36500 days", text)
		}
		total, rest = time.Duration(n*24*float64(time.Hour)), m[2]
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration: write 30d, 36h, 15m or 90s", text)
		}
		total += d
	}
	if total < 0 || strings.TrimSpace(text) == "" {
		return 0, fmt.Errorf("%q is not a duration: write 30d, 36h, 15m or 90s", text)
	}
	return total, nil
}

// FormatDuration writes whole days as "30d" and the rest as time.Duration does
// without trailing zero units.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	out := ""
	if n := d / (24 * time.Hour); n > 0 {
		out, d = fmt.Sprintf("%dd", n), d%(24*time.Hour)
	}
	if d == 0 {
		return out
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return out + s
}
