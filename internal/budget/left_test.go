package budget

import (
	"maps"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestWhatIsLeftIsTheLeastOfEachKindOfLimit(t *testing.T) {
	var s State
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	limits := func(domain string) []cert.Limit {
		return []cert.Limit{{Key: "account", Most: 10, Within: time.Hour}, {Key: "domain/" + domain, Most: 3, Within: 24 * time.Hour}}
	}
	for i, domain := range []string{"a.example", "b.example", "b.example"} {
		if g := s.Ask(now, Request{ID: string(rune('x' + i)), Token: string(rune('x' + i)), Limits: limits(domain), SafeBy: now.Add(time.Hour)}); !g.Granted {
			t.Fatalf("order %d was not granted: %+v", i, g)
		}
	}
	if got, want := s.Left(now), (map[string]int{"account": 7, "domain": 1}); !maps.Equal(got, want) {
		t.Errorf("left now: %v, want %v", got, want)
	}
	if got, want := s.Left(now.Add(2*time.Hour)), (map[string]int{"account": 10, "domain": 1}); !maps.Equal(got, want) {
		t.Errorf("left when the hour is over: %v, want %v", got, want)
	}
}
