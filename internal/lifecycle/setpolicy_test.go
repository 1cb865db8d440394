package lifecycle

import (
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

func TestAnotherPolicyOfTheSameNameCountsFromTheLatestLook(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	live := cert.Version{Fingerprint: "aa", NotBefore: now.AddDate(0, 0, -80), NotAfter: now.AddDate(0, 0, 10)}
	s := State{
		Spec: Spec{Name: "shop", Policy: Default(), PolicyHash: Default().Hash()}, Live: live, Sight: Sight{At: now},
		Alerts: []Alert{{ID: alert.ID("shop", "aa", alert.Expiring), Reason: alert.Expiring, Version: "aa", Status: Acknowledged, Level: 1}},
	}
	p := Default()
	p.Thresholds, p.Inform = p.Thresholds[:1], 0
	if err := s.CheckPolicy(p); err != nil {
		t.Fatal(err)
	}
	s.SetPolicy(p)
	if s.Spec.PolicyHash != p.Hash() || s.Alerts[0].Level != 0 || s.Alerts[0].Status != Acknowledged || s.Look != nil {
		t.Errorf("%+v", s)
	}
	other := p
	other.Name = "calm"
	if err := s.CheckPolicy(other); err == nil {
		t.Error("a policy of another name is taken")
	}
}
