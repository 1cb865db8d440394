package cert_test

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestTheWaitThatACAAsksForIsClamped(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		what                 string
		wait, lifetime, want time.Duration
	}{
		{"what it asked for", 6 * time.Hour, 90 * day, 6 * time.Hour},
		{"nothing was said", 0, 90 * day, 6 * time.Hour},
		{"a second", time.Second, 90 * day, time.Minute},
		{"thirty years", 1e9 * time.Second, 90 * day, day},
		{"more than a short life allows", 6 * time.Hour, 36 * time.Hour, 36 * time.Hour / 10},
		{"a life of 90 seconds", 6 * time.Hour, 90 * time.Second, 9 * time.Second},
		{"no life at all", time.Hour, 0, time.Second},
	} {
		if got := cert.AskAgain(now, c.wait, c.lifetime).Sub(now); got != c.want {
			t.Errorf("%s: in %s, want %s", c.what, got, c.want)
		}
	}
}
