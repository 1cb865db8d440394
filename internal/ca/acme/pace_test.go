package acme

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestPollsAreSoonAtFirstAndSpareTheCALater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, p := time.Now(), newPace()
		var at []time.Duration
		for range 8 {
			if err := p.wait(t.Context(), time.Time{}); err != nil {
				t.Fatal(err)
			}
			at = append(at, time.Since(began).Round(time.Millisecond))
		}
		if at[0] > 100*time.Millisecond {
			t.Errorf("a CA that has decided at once is asked after %s", at[0])
		}
		if last := at[7] - at[6]; last != lastPause || at[5] < 3*time.Second {
			t.Errorf("asked too often: at %v", at)
		}
		asked := time.Now().Add(5 * time.Second)
		if err := p.wait(t.Context(), asked); err != nil || time.Now().Before(asked) {
			t.Errorf("asked %s before the CA's Retry-After: %v", time.Until(asked), err)
		}
	})
}
