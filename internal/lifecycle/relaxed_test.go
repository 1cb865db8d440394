package lifecycle

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestTheRelaxedPolicyTellsUrgentlyBeforeTheEnd(t *testing.T) {
	if err := Relaxed().Validate(); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for _, days := range []int{6, 47, 90, 398} {
		for _, managed := range []bool{false, true} {
			live := cert.Version{Fingerprint: "aa", NotBefore: now, NotAfter: now.AddDate(0, 0, days), Names: []string{"a.test"}}
			s := State{Spec: Spec{Name: "a", Managed: managed, Owner: "minji", Policy: Relaxed()}, EnrolledAt: now, Live: live}
			events, _ := Forecast(now, live.NotAfter, s, Assume{Fate: AllFail})
			told := false
			for _, e := range events {
				told = told || e.Kind == ForeseeTell && !alert.P2.MoreUrgentThan(e.Severity) && e.Severity != "" && e.At.Before(live.NotAfter)
			}
			if !told {
				t.Errorf("%d days, managed %t: nobody is told of P2 or P1 before the end: %+v", days, managed, events)
			}
		}
	}
}
