package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// SetSpec replaces what was asked for. Places that do not count any more are
// forgotten; what is renewed in another way than before is tried afresh.
func (s *State) SetSpec(spec Spec) {
	old := s.Spec
	s.Spec = spec
	s.Look = &Order{By: "set-spec"}
	s.Installed = slices.DeleteFunc(s.Installed, func(i Installed) bool { return !slices.Contains(spec.Targets, i.Target) })
	s.Sight.Observations = slices.DeleteFunc(s.Sight.Observations, func(o cert.Observation) bool { return !s.place(o) })
	if !spec.Managed {
		s.Renewal, s.Paused, s.Held, s.RollBack, s.Renew, s.Deploy = Renewal{}, nil, nil, nil, nil, nil
		s.Revoke = nil
		s.Sight.AstraySince = time.Time{}
	}
	if spec.issues() != old.issues() || !slices.Equal(spec.Names, old.Names) {
		s.Renewal.Candidate, s.Renewal.Renewed, s.Renewal.Supplied = cert.Version{}, time.Time{}, ""
		s.Approval = nil // it was for something else
		s.afresh()
	}
	if !slices.Equal(spec.Targets, old.Targets) || spec.AcceptIrreversible != old.AcceptIrreversible {
		s.Deploy = nil // it named targets of before
		s.afresh()
	}
	if spec.CA != old.CA { // the word of one CA does not bind another
		s.Renewal.NotBefore, s.Renewal.DownSince = time.Time{}, time.Time{}
		s.Renewal.Words = nil
	}
	if !slices.Equal(spec.CAs(), old.CAs()) {
		s.afresh()
	}
	if !slices.Equal(spec.Policy.Thresholds, old.Policy.Thresholds) || !spec.Policy.Workdays.equal(old.Policy.Workdays) {
		s.relevel()
	}
}

// SetPolicy replaces the snapshot of the policy. What was told stays told;
// thresholds that changed count from the latest look.
func (s *State) SetPolicy(p Policy) {
	old := s.Spec
	s.Spec.Policy, s.Spec.PolicyHash = p, p.Hash()
	if !slices.Equal(s.Spec.CAs(), old.CAs()) {
		s.afresh()
	}
	if !slices.Equal(p.Thresholds, old.Policy.Thresholds) {
		s.relevel()
	}
}

// CheckPolicy tells why a policy cannot take the place of the one that is
// carried; nil if it can.
func (s *State) CheckPolicy(p Policy) error {
	if p.Name != s.Spec.Policy.Name {
		return refuse("%s carries policy %q, not %q", s.Spec.Name, s.Spec.Policy.Name, p.Name)
	}
	if why := p.Unsatisfiable(s.Live.Lifetime()); why != "" && s.Spec.Managed && s.Live.Fingerprint != "" {
		return refuse("policy %q: freezes: %s", p.Name, why)
	}
	return p.Validate()
}

// issuing is what decides, beside the names, what is issued.
type issuing struct {
	managed, reuseKey bool
	ca, profile       string
	challenge, dns    string
	keyType           cert.KeyType
	csr               string // DER
}

func (s Spec) issues() issuing {
	out := issuing{s.Managed, s.ReuseKey, s.CA, s.Profile, s.Challenge, s.DNS, s.KeyType, ""}
	if s.CSR != nil {
		out.csr = string(s.CSR.DER)
	}
	return out
}

// relevel counts the level of open alerts by the thresholds that hold now, as
// of the latest look; what was crossed since fires.
func (s *State) relevel() {
	for i := range s.Alerts {
		a := &s.Alerts[i]
		if a.Open() && (a.Reason == alert.Expiring || a.Reason == alert.SupplyNeeded) && a.Version == s.Live.Fingerprint && s.Live.Fingerprint != "" {
			a.Level = PlanOf(s.Live, s.Window, s.Spec.Policy).Level(s.Sight.At)
		}
	}
}
