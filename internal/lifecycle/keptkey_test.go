package lifecycle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// kept is a certificate whose key, one, stays on its host.
func kept() (State, time.Time) {
	s, now := firing(10*day, true)
	s.Alerts = nil
	s.Live.KeptKey = "one"
	s.Spec.CSR = &cert.CSR{DER: []byte("request"), Key: "one", KeyAlgorithm: "EC256"}
	return s, now
}

func codes(now time.Time, s State) []GroundCode {
	var out []GroundCode
	for _, g := range Grounds(now, s) {
		out = append(out, g.Code)
	}
	return out
}

func TestALeakedKeyIsNotReissuedByItsOwnRequest(t *testing.T) {
	s, now := kept()
	leaked := revoking(func(r *Revoking) { r.Reason, r.Reissue = cert.KeyCompromise, true })
	err := s.CheckRevoke(now, leaked)
	if err == nil || !strings.Contains(err.Error(), "--update --csr FILE") {
		t.Errorf("it would be reissued with the key that leaked: %v", err)
	}
	other := leaked
	other.Reason = cert.Superseded
	if err := s.CheckRevoke(now, other); err != nil {
		t.Errorf("what is only superseded: %v", err)
	}
	next := s.Spec
	next.CSR = &cert.CSR{DER: []byte("another"), Key: "two", KeyAlgorithm: "EC256"}
	s.SetSpec(next)
	if err := s.CheckRevoke(now, leaked); err != nil {
		t.Errorf("after the request was replaced: %v", err)
	}
}

func TestAKeyThatStaysIsTold(t *testing.T) {
	s, now := kept()
	if !slices.Contains(codes(now, s), BecauseKeyKept) {
		t.Errorf("grounds: %v", codes(now, s))
	}
	s.Spec.CSR.Key = "two"
	if !slices.Contains(codes(now, s), BecauseKeyToCome) {
		t.Errorf("grounds after another request: %v", codes(now, s))
	}
	s.Spec.CSR.Key = "one"
	s.Revocations = []cert.Revocation{{Fingerprint: s.Live.Fingerprint, Reason: cert.KeyCompromise, At: now}}
	if !slices.Contains(codes(now, s), BecauseKeyKnown) {
		t.Errorf("grounds after a leak: %v", codes(now, s))
	}
	moves := Moves(now, s)
	i := slices.IndexFunc(moves, func(m Move) bool { return m.Code == MoveCSR })
	if i < 0 || !strings.HasSuffix(moves[i].Command, "--update --csr FILE") || !slices.Contains(moves[i].answers, alert.RenewalFailing) {
		t.Errorf("moves: %+v", moves)
	}
}

func TestAnotherRequestMakesTheCandidateOfTheOldOneForgotten(t *testing.T) {
	s, _ := kept()
	s.Renewal.Candidate = cert.Version{Fingerprint: "candidate"}
	same := s.Spec
	same.Owner = "jiho"
	s.SetSpec(same)
	if s.Renewal.Candidate.Fingerprint == "" {
		t.Error("a change of the owner forgot the candidate")
	}
	next := s.Spec
	next.CSR = &cert.CSR{DER: []byte("another"), Key: "two"}
	s.SetSpec(next)
	if s.Renewal.Candidate.Fingerprint != "" {
		t.Error("the candidate of the old request is kept")
	}
}
