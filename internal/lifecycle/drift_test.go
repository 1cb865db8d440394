package lifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// tampered is a calm certificate of ours, in one target of which somebody put
// another version, that lasts longer; it has had its time to settle.
func tampered() (State, time.Time) {
	s, now := shelf()
	s.TellsDrift = true
	s.Spec.Endpoints, s.Spec.Targets = nil, []string{"a"}
	s.Live = cert.Version{Fingerprint: "ours", Serial: "0a", Issuer: "Our CA", CA: "ours", Names: s.Spec.Names, NotBefore: now.Add(-day), NotAfter: now.Add(89 * day)}
	s.LiveAt, s.Alerts, s.Sight = now.Add(-day), nil, Sight{}
	theirs := cert.Version{Fingerprint: "theirs", Serial: "0b", Issuer: "Evil\nCA\u202e", Names: s.Spec.Names, NotBefore: now, NotAfter: now.Add(300 * day)}
	s.Scanned(now, []cert.Observation{{Target: "a", At: now, Version: theirs}})
	now = now.Add(2 * time.Hour)
	s.Sight.At = now
	return s, now
}

func TestAPlaceThatWasChangedBehindOurBackIsToldWithWhatIsThereAndWhatShouldBe(t *testing.T) {
	s, now := tampered()
	if s.Live.Fingerprint != "ours" {
		t.Fatal("what others put there in calm was taken for ours")
	}
	d := Next(now, s.Clone())
	if d.Step.Kind != StepTell || d.Step.Alert.Reason != alert.Drifted {
		t.Fatalf("decided %+v because %s", d.Step, d.Reason)
	}
	for _, want := range []string{"target a has theirs", `Evil\nCA\u202e`, "serial 0b", "instead of ours", "Our CA", "serial 0a"} {
		if !strings.Contains(d.Step.Alert.Cause, want) {
			t.Errorf("%q does not say %q", d.Step.Alert.Cause, want)
		}
	}
	s.Apply(d, now)
	if got := Commands(now, s, s.Alerts[0]); !slices.Contains(got, "neverlapse deploy "+s.Spec.Name+" --target a --wait") {
		t.Errorf("what to type: %q", got)
	}
}

func TestADriftIsOverWhenWhatWasDeployedIsSeenAgainAndNotBefore(t *testing.T) {
	s, now := tampered()
	s.Apply(Next(now, s.Clone()), now)
	a := s.Alerts[0]
	s.Scanned(now, []cert.Observation{{Target: "a", At: now, Err: "no route"}})
	if got := look(now, &s).evidence(a); got != "" {
		t.Errorf("nobody sees what is there, and it is closed: %s", got)
	}
	s.Scanned(now, []cert.Observation{{Target: "a", At: now, Version: s.Live}})
	if got := look(now, &s).evidence(a); !strings.Contains(got, "ours") {
		t.Errorf("what was deployed is there again, and the evidence is %q", got)
	}
}

func TestWhatOthersInstallWhileARenewalIsStuckOrIsBegunByAnOlderReleaseCounts(t *testing.T) {
	for name, change := range map[string]func(*State){
		"stuck":         func(s *State) { s.Renewal.Attempts = []Attempt{{Outcome: DeployFailed, Counts: true}} },
		"older release": func(s *State) { s.TellsDrift = false },
		"not ours":      func(s *State) { s.Live.CA = "" },
	} {
		s, now := tampered()
		change(&s)
		s.Scanned(now, slices.Clone(s.Sight.Observations))
		if s.Live.Fingerprint != "theirs" {
			t.Errorf("%s: live is %s", name, s.Live.Fingerprint)
		}
	}
}

func TestAPlaceThatNobodyNamedAndThatKeepsAnOldVersionIsDriftUntilItHasTheLiveOne(t *testing.T) {
	for _, managed := range []bool{true, false} {
		s, now := tampered()
		s.Spec.Managed, s.Sight = managed, Sight{At: now}
		old := s.Live
		old.Fingerprint, old.NotAfter = "old", now.Add(3*day)
		const where = "file:web2:/etc/ssl/shop.pem"
		see := func(v cert.Version) {
			s.Scanned(now, []cert.Observation{{Place: where, At: now, Version: v}})
		}
		see(s.Live)
		if len(s.Sight.Elsewhere) != 0 || len(s.Sight.Observations) != 0 {
			t.Fatalf("a place that has what it should is kept: %+v", s.Sight)
		}
		see(old)
		if d := look(now, &s).drifted(); d != nil {
			t.Error("it is told before it had its time to settle")
		}
		now = now.Add(2 * time.Hour)
		c := look(now, &s).drifted()
		if c == nil || !strings.Contains(c.cause, where+" has old") || c.level < 0 {
			t.Fatalf("managed %v: %+v", managed, c)
		}
		a := Alert{Reason: alert.Drifted, Version: s.Live.Fingerprint, FiredAt: now}
		if got := look(now, &s).evidence(a); got != "" {
			t.Errorf("managed %v: closed by %q", managed, got)
		}
		see(s.Live)
		if managed {
			s.Scanned(now, []cert.Observation{{Target: "a", At: now, Version: s.Live}})
		}
		if got := look(now, &s).evidence(a); got == "" {
			t.Errorf("managed %v: it stays open although the place has what it should", managed)
		}
	}
}
