package lifecycle

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestDurationsAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "1d12h": 36 * time.Hour, "1d 12h": 36 * time.Hour, "36h": 36 * time.Hour, "90s": 90 * time.Second,
		"1.5d": 36 * time.Hour, "0s": 0, "0d": 0, "500ms": 500 * time.Millisecond, " 2h30m ": 150 * time.Minute, "36500d": 36500 * day,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q is read as %s, %v", text, got, err)
		}
		if back, err := ParseDuration(FormatDuration(got)); err != nil || back != got {
			t.Errorf("%s is written as %q, which is read as %s, %v", got, FormatDuration(got), back, err)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 30 * day: "30d", 36 * time.Hour: "1d12h", time.Hour: "1h", 90 * time.Minute: "1h30m", 90 * time.Second: "1m30s", time.Minute: "1m", day + time.Second: "1d1s",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%s is written as %q, not %q", time.Duration(d), got, want)
		}
	}
	for _, text := range []string{"", " ", "d", "30", "-1h", "1d-5h", "1d+5h", "+1h", "36501d", "30 days", "1h1d", "876001h", "99999999999999999999d", "1e9d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestSpansAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]string{
		"30d": "30d", "33%": "33%", "1/3": "1/3", "2/4": "50%", "100%": "100%", "12.5%": "1/8", "min(30d,1/3)": "min(30d,1/3)", " min( 30d , 33% ) ": "min(30d,33%)", "0s": "0s",
	} {
		s, err := ParseSpan(text)
		if err != nil || s.String() != want {
			t.Errorf("%q is read as %s, %v", text, s, err)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Span
		if err := json.Unmarshal(b, &back); err != nil || back != s {
			t.Errorf("%s comes back as %s, %v", s, back, err)
		}
	}
	for _, text := range []string{"", "0%", "133%", "-1%", "1/0", "0/3", "4/3", "min(1/3,30d)", "min(30d)", "min(30d,7d)", "min(0s,1/3)", "min(30d,1/3", "x", "1e999999999%", "1e9/2", "0x1/3", "min(min(1d,1/2),1/3)"} {
		if s, err := ParseSpan(text); err == nil {
			t.Errorf("%q is read as %s", text, s)
		} else if !strings.Contains(err.Error(), "\"") {
			t.Errorf("%q: %v does not quote what was wrong", text, err)
		}
	}
}

func TestASpanNeverExceedsEitherPart(t *testing.T) {
	for _, c := range []struct {
		span     string
		lifetime time.Duration
		want     time.Duration
	}{
		{"min(30d,1/3)", 90 * day, 30 * day}, {"min(30d,1/3)", 398 * day, 30 * day}, {"min(30d,1/3)", 6 * day, 2 * day},
		{"min(7d,1/12)", 47 * day, 94 * time.Hour}, {"1/3", 100 * time.Second, 33 * time.Second}, {"1/3", -5, 0},
		{"100%", time.Duration(1<<63 - 1), time.Duration(1<<63 - 1).Truncate(time.Second)}, {"36h", time.Hour, 36 * time.Hour},
	} {
		if got := span(c.span).Of(c.lifetime); got != c.want {
			t.Errorf("%s of %s is %s, not %s", c.span, c.lifetime, got, c.want)
		}
	}
}

func FuzzSpan(f *testing.F) {
	for _, s := range []string{"30d", "1d12h30m", "33%", "1/3", "min(30d,33.3%)", "1e9%", "min(1d,1/999999999)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpan(text)
		if err != nil {
			return
		}
		if back, err := ParseSpan(s.String()); err != nil || back != s {
			t.Errorf("%q: %#v is written as %s and comes back as %#v, %v", text, s, s, back, err)
		}
		if l := 90 * day; s.Of(l) < 0 || (s.Den > 0 && s.Of(l) > l) {
			t.Errorf("%q of 90d is %s", text, s.Of(l))
		}
	})
}
