package lifecycle

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxDays bounds what people can ask for to a century.
const maxDays = 36500

var days = regexp.MustCompile(`^(\d+(?:\.\d+)?)d(.*)$`)

// ParseDuration reads what time.ParseDuration reads, and days of 24 hours in
// front: "30d", "1d12h". Signs are refused.
func ParseDuration(text string) (time.Duration, error) {
	rest, total := strings.TrimSpace(text), time.Duration(0)
	if rest == "" || strings.ContainsAny(rest, "+-") {
		return 0, notDuration(text)
	}
	if m := days.FindStringSubmatch(rest); m != nil {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || n > maxDays {
			return 0, fmt.Errorf("%q: at most %d days", text, maxDays)
		}
		total, rest = time.Duration(n*24*float64(time.Hour)), strings.TrimSpace(m[2])
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, notDuration(text)
		}
		if d > maxDays*24*time.Hour-total {
			return 0, fmt.Errorf("%q: at most %d days", text, maxDays)
		}
		total += d
	}
	return total, nil
}

func notDuration(text string) error {
	return fmt.Errorf("%q is not a duration: write 30d, 36h, 15m or 90s", text)
}

// FormatDuration writes whole days as "30d" and the rest as time.Duration does
// without trailing zero units. ParseDuration reads it back.
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
