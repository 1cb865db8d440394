package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// issued is a version of ours that covers www.test.
func issuedAt(at time.Time, digit string) cert.Version {
	return cert.Version{Fingerprint: cert.Fingerprint(strings.Repeat(digit, 64)), CA: "le", NotBefore: at, NotAfter: at.Add(90 * day), Names: []string{"www.test"}}
}

func guardedAt(now time.Time) State {
	e := cert.Endpoint{Host: "www.test", Port: 443}
	s := State{
		Spec:   Spec{Name: "www", Names: []string{"www.test"}, Managed: true, CA: "le", Endpoints: []cert.Endpoint{e}, Policy: Default()},
		Live:   issuedAt(now, "a"),
		Alerts: []Alert{{ID: "open", Reason: alert.Unseen, Status: Acknowledged}, {ID: "over", Reason: alert.Drifted, Status: Resolved}},
		Renew:  &Order{By: "hana"}, Paused: &Pause{Until: now.Add(day)}, TellsDrift: true,
		Import: &Import{ID: "import/1"}, Flights: []Flight{{Kind: FlyReport}, {Kind: FlyTell, ID: "open"}},
	}
	s.Sight = Sight{At: now, SeenAt: now, Observations: []cert.Observation{{Endpoint: e, Version: s.Live}}}
	return s
}

func TestWhatIsKeptIsWhatPeopleDecidedAndNotWhatWasSeen(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := guardedAt(now)
	kept := s.Kept()
	if len(kept.Alerts) != 1 || kept.Alerts[0].ID != "open" || kept.Paused == nil || !kept.Sight.At.IsZero() || kept.Import != nil || kept.Live.Fingerprint != s.Live.Fingerprint {
		t.Errorf("kept %+v", kept)
	}
	if len(s.Alerts) != 2 || s.Import == nil || s.Sight.At.IsZero() {
		t.Errorf("keeping it changed it: %+v", s)
	}

	later := now.Add(10 * day)
	kept.Restore(later, cert.Version{})
	if kept.Renew != nil || kept.Paused == nil || !kept.Restored.Equal(later) || !kept.Sight.SeenAt.IsZero() || len(kept.Flights) != 1 {
		t.Errorf("restored %+v", kept)
	}
	if d := Next(later, kept); d.Step.Kind != StepLook {
		t.Errorf("it begins with %+v, want a look", d.Step)
	}
}

func TestTheStoreKnowsANewerLiveVersionThanTheSnapshot(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for live, want := range map[string]cert.Version{"newer": issuedAt(now.Add(day), "b"), "older": issuedAt(now.Add(-day), "c")} {
		s := guardedAt(now)
		kept := s.Kept()
		kept.Restore(now.Add(2*day), want)
		if took := kept.Live.Fingerprint == want.Fingerprint; took != (live == "newer") {
			t.Errorf("%s: live is %s", live, kept.Live.Fingerprint)
		}
	}
}

func TestWhatIsServedAfterARestorationIsNoDrift(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := guardedAt(now)
	see := func(s *State, at time.Time, v cert.Version) {
		s.Observed(at, []cert.Observation{{Endpoint: s.Spec.Endpoints[0], At: at, Version: v}})
	}
	newer, newest := issuedAt(now.Add(day), "b"), issuedAt(now.Add(2*day), "c")
	kept := s.Kept()
	kept.Restore(now.Add(3*day), cert.Version{})
	see(&kept, now.Add(3*day+time.Minute), newer)
	if kept.Live.Fingerprint != newer.Fingerprint || kept.Stale {
		t.Fatalf("live is %s, stale %v", kept.Live.Fingerprint, kept.Stale)
	}
	kept.Live.CA = "le"
	see(&kept, now.Add(3*day+time.Hour), newest)
	if kept.Live.Fingerprint != newer.Fingerprint {
		t.Error("a change after the first look was adopted without a word")
	}
}
