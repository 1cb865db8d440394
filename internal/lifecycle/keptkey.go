package lifecycle

import "github.com/neverlapse/neverlapse/internal/cert"

// keyKnown reports whether others may know the key of the request: a version of
// it was revoked for that. Nothing is issued by the request any more.
func (s *State) keyKnown() bool {
	csr := s.Spec.CSR
	if csr == nil {
		return false
	}
	for _, v := range []cert.Version{s.Live, s.Previous} {
		if r := s.Revoked(v.Fingerprint); v.KeptKey == csr.Key && r != nil && r.Reason == cert.KeyCompromise {
			return true
		}
	}
	return false
}

// groundsOfKey tells of a key that stays on its host.
func (v *view) groundsOfKey() []Ground {
	csr, live := v.s.Spec.CSR, v.s.Live.KeptKey
	switch {
	case csr == nil:
		return nil
	case v.s.keyKnown():
		return []Ground{{Code: BecauseKeyKnown, Note: csr.ShortKey()}}
	case live != "" && live != csr.Key:
		return []Ground{{Code: BecauseKeyToCome, Note: csr.ShortKey(), At: v.plan.RenewAt}}
	}
	return []Ground{{Code: BecauseKeyKept, Note: csr.ShortKey()}}
}
