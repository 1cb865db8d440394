package lifecycle

import (
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// keepRevoked bounds how many revoked versions the state knows; the store marks all.
const keepRevoked = 20

// Revocation is a version that somebody wants ended before its time.
type Revocation struct {
	Order                        // Fingerprint is the version
	Reason cert.RevocationReason `json:"reason"`
	// Now does not wait until another version is proven in its place.
	Now     bool      `json:"now,omitempty"`
	RetryAt time.Time `json:"retryAt,omitzero"`
	Failed  string    `json:"failed,omitempty"` // why the latest try failed
	Since   time.Time `json:"since,omitzero"`   // when the first one did
}

// Revoking is a human's word that a version shall be revoked.
type Revoking struct {
	Order
	Reason  cert.RevocationReason
	Reissue bool // renew: what is served is replaced first, unless Now is set
	Now     bool
	Force   bool // although it is served, and nothing replaces it
	Cancel  bool // take the word back, as long as the CA was not asked
}

// CheckRevoke tells why a revocation cannot be asked for; nil if it can.
func (s *State) CheckRevoke(now time.Time, in Revoking) error {
	name := s.Spec.Name
	if in.Cancel {
		if s.Revoke == nil || s.flying(FlyRevoke, "") {
			return refuse("no revocation of %s is waiting: there is nothing to cancel", name)
		}
		return nil
	}
	if _, err := cert.ParseRevocationReason(string(in.Reason)); err != nil {
		return refuse("%s", err)
	}
	v := in.version(s)
	switch {
	case !s.Spec.Managed:
		return refuse("%s is only watched: revoke it where it was issued", name)
	case v.Fingerprint == "":
		return refuse("%s has no such version to revoke", name)
	case s.Revoked(v.Fingerprint) != nil:
		return refuse("%s of %s is revoked since %s", v.Fingerprint.Short(), name, s.Revoked(v.Fingerprint).At.UTC().Format(time.RFC3339))
	case s.flying(FlyRevoke, ""), s.Revoke != nil && s.Revoke.Fingerprint != v.Fingerprint:
		return refuse("a revocation of %s is under way; try again when it has ended, or cancel it: neverlapse revoke %s --cancel", name, name)
	case !v.NotAfter.IsZero() && !now.Before(v.NotAfter):
		return refuse("%s of %s expired at %s: there is nothing left to revoke", v.Fingerprint.Short(), name, v.NotAfter.UTC().Format(time.RFC3339))
	}
	if in.Reissue {
		if err := s.checkRenewal(now, "revoke", in.Order); err != nil {
			return err
		}
		if csr := s.Spec.CSR; csr != nil && in.Reason == cert.KeyCompromise && v.KeptKey == csr.Key {
			return refuse("the key of %s stays on its host, and its request is for the key that others may know: what is reissued would have that key again. Make a new key and request on the host, replace the request (neverlapse enroll --cert-name %s --update --csr FILE), and revoke then; to end it now, before that, leave --reissue out and add --force", name, name)
		}
	}
	if where := s.servedBy(v.Fingerprint); where != "" && !in.Force && !in.Reissue {
		return refuse("%s of %s is served by %s. To replace it first and revoke it when the new one is proven, add --reissue; to revoke it although it is served, --force",
			v.Fingerprint.Short(), name, where)
	}
	return nil
}

// version is the one that is meant, as far as the state knows it; without a
// fingerprint the live one.
func (in Revoking) version(s *State) cert.Version {
	if in.Fingerprint == "" {
		return s.Live
	}
	for _, v := range []cert.Version{s.Live, s.Previous, s.Renewal.Candidate} {
		if in.Fingerprint == v.Fingerprint {
			return v
		}
	}
	return cert.Version{Fingerprint: in.Fingerprint}
}

// servedBy names a place that has the version; "" if none is known to.
func (s *State) servedBy(f cert.Fingerprint) string {
	if i := slices.IndexFunc(s.Sight.Observations, func(o cert.Observation) bool { return o.Seen() && o.Version.Fingerprint == f }); i >= 0 {
		return s.Sight.Observations[i].Where()
	}
	if f == s.Live.Fingerprint && f != "" {
		return "nobody who was seen, but it is the live version"
	}
	return ""
}

// AskRevoke notes the word; the loop acts. A key that others may know is never
// used again, and neither is what was issued for it.
func (s *State) AskRevoke(in Revoking) {
	if in.Cancel {
		s.Revoke, s.Renewal.Reissue = nil, false
		return
	}
	in.Fingerprint = in.version(s).Fingerprint
	s.Revoke = &Revocation{Order: in.Order, Reason: in.Reason, Now: in.Now || !in.Reissue}
	if in.Reissue {
		o := in.Order
		o.New, o.Fingerprint = true, ""
		s.Renew = &o
		s.Renewal.Reissue = in.Fingerprint == s.Live.Fingerprint
	}
	if in.Reason == cert.KeyCompromise {
		s.Renewal.NewKey, s.Renewal.Discard = true, true
	}
}

// Revoked finds the mark of a version; nil if it is not known to be revoked.
func (s *State) Revoked(f cert.Fingerprint) *cert.Revocation {
	i := slices.IndexFunc(s.Revocations, func(r cert.Revocation) bool { return r.Fingerprint == f })
	if i < 0 {
		return nil
	}
	return &s.Revocations[i]
}

// revokeDue: at once, or when another version is proven wherever the old one was.
func (v *view) revokeDue() *Decision {
	r := v.s.Revoke
	if r == nil || v.s.flying(FlyRevoke, "") || v.now.Before(r.RetryAt) || v.waitsToRevoke() {
		return nil
	}
	copied := *r
	return &Decision{Step: Step{Kind: StepRevoke, Revoke: &copied}, Reason: RevokeAsked}
}

func (v *view) waitsToRevoke() bool {
	r := v.s.Revoke
	if r.Now {
		return false
	}
	behind, _ := v.behind()
	return v.running() || len(behind) > 0 || !v.serves() || v.s.servedBy(r.Fingerprint) != ""
}

// revokeAt is when the CA is asked again; zero while nothing waits for that.
func (v *view) revokeAt() time.Time {
	if r := v.s.Revoke; r != nil && !v.waitsToRevoke() {
		return r.RetryAt
	}
	return time.Time{}
}

// RevokeEnded lands a revocation. One that failed is tried again, at the CA's
// date if it gave one; final tells that only a human can help, so it is daily.
func (s *State) RevokeEnded(now time.Time, cause string, final bool, retryAt time.Time) {
	s.Land(FlyRevoke, "")
	r := s.Revoke
	if r == nil {
		return
	}
	if cause == "" {
		s.Revocations = append(s.Revocations, cert.Revocation{Fingerprint: r.Fingerprint, Reason: r.Reason, At: now, By: r.By})
		s.Revocations = s.Revocations[max(0, len(s.Revocations)-keepRevoked):]
		s.Revoke = nil
		return
	}
	pace := look(now, s).of(s.Spec.Policy.RetryEvery)
	if final {
		pace = max(pace, look(now, s).of(s.Spec.Policy.ObserveEvery))
	}
	if r.Since.IsZero() {
		r.Since = now
	}
	r.Failed, r.RetryAt = clip(cause), latest(now.Add(pace), retryAt)
	s.refresh(look(now, s))
}
