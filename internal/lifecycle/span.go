package lifecycle

import (
	"fmt"
	"math/big"
	"math/bits"
	"regexp"
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
	hi, lo := bits.Mul64(uint64(max(lifetime, 0)), uint64(s.Num))
	n, _ := bits.Div64(hi, lo, uint64(s.Den)) // a share is at most 1, so it fits
	share := time.Duration(n).Truncate(time.Second)
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

var (
	lesser  = regexp.MustCompile(`^min\(([^,]+),([^,]+)\)$`)
	percent = regexp.MustCompile(`^([0-9]{1,3}(?:\.[0-9]{1,6})?)%$`)
	share   = regexp.MustCompile(`^[0-9]{1,9}/[0-9]{1,9}$`)
)

// ParseSpan reads "30d", "36h", "90s", "33%", "1/3" or "min(30d,33%)".
func ParseSpan(text string) (Span, error) {
	t := strings.ReplaceAll(strings.TrimSpace(text), " ", "")
	if m := lesser.FindStringSubmatch(t); m != nil {
		return lesserOf(m[1], m[2], text)
	}
	if m := percent.FindStringSubmatch(t); m != nil {
		return shareOf(m[1], big.NewRat(1, 100), text)
	}
	if share.MatchString(t) {
		return shareOf(t, big.NewRat(1, 1), text)
	}
	d, err := ParseDuration(t)
	if err != nil {
		return Span{}, fmt.Errorf("%q is not a duration: write 30d, 36h, 15m, 90s, a share of the lifetime (33%%, 1/3) or min(30d,33%%)", text)
	}
	return Span{Fixed: d}, nil
}

func lesserOf(first, second, text string) (Span, error) {
	a, err := ParseSpan(first)
	if err != nil {
		return Span{}, err
	}
	b, err := ParseSpan(second)
	if err != nil {
		return Span{}, err
	}
	if a.Den != 0 || a.Fixed == 0 || b.Den == 0 || b.Fixed != 0 {
		return Span{}, fmt.Errorf("%q: write the duration first and the share second: min(30d,33%%)", text)
	}
	b.Fixed = a.Fixed
	return b, nil
}

func shareOf(number string, unit *big.Rat, text string) (Span, error) {
	r, ok := new(big.Rat).SetString(number)
	if !ok || r.Sign() <= 0 || r.Mul(r, unit).Cmp(big.NewRat(1, 1)) > 0 {
		return Span{}, fmt.Errorf("%q: a share lies between 0%% and 100%%", text)
	}
	return Span{Num: r.Num().Int64(), Den: r.Denom().Int64()}, nil
}
